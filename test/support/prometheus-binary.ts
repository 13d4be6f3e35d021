import type { Availability } from './binaries/availability.ts';
import { type DebianProgram, debianProgramAvailability, ensureDebianProgram } from './binaries/debian-program.ts';

const PROMETHEUS: DebianProgram = {
  title: 'Prometheus',
  names: ['prometheus'],
  packageName: 'prometheus',
  inPackage: 'usr/bin/prometheus',
  megabytes: 20,
};

/** Whether a Prometheus is there or can be fetched. Does not fetch. */
export function prometheusAvailability(): Availability {
  return debianProgramAvailability(PROMETHEUS);
}

/** The path of a `prometheus` program: from PATH, or Debian's package unpacked into the cache folder. */
export async function ensurePrometheus(): Promise<string> {
  return await ensureDebianProgram(PROMETHEUS);
}
