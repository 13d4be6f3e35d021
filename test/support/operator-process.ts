import { join } from 'node:path';
import { type ChildProgram, startChildProgram } from './control-plane/child-program.ts';
import { makeTempFolder } from './control-plane/temp-folder.ts';
import { imageEnvironment } from './image-environment.ts';

/** The operator as its users run it: a process of its own. */
export interface OperatorProcess {
  readonly pid: number;
  readonly logFile: string;
  /** Whether the process has ended, by a signal or by itself. */
  ended(): boolean;
  stop(): Promise<void>;
}

const ROOT = join(import.meta.dirname, '../..');

/** Starts `sluice operator` against a kubeconfig, from source or from the bundle. Flags are added to those that every test wants. */
export async function startOperator(
  kubeconfig: string,
  flags: readonly string[] = [],
  program = join(ROOT, 'src/main.ts'),
): Promise<OperatorProcess> {
  const folder = makeTempFolder('sluice-operator');
  const logFile = join(folder.path, 'operator.log');
  const args = [program, 'operator', '--kubeconfig', kubeconfig, '--port', '0', '--host', '127.0.0.1', ...flags];
  const env = imageEnvironment();
  const child: ChildProgram = await startChildProgram(process.execPath, args, logFile, { env });
  return {
    pid: child.pid,
    logFile,
    ended: child.ended,
    stop: async () => {
      await child.stop();
      await folder.remove();
    },
  };
}
