#!/usr/bin/env node
/** The one executable. Each verb is loaded when it is asked for, so that the operator carries nothing else in memory. */
const [verb, ...args] = process.argv.slice(2);

const HELP = `sluice: progressive delivery for Kubernetes

  sluice operator   run the controller (sluice operator --help)
  sluice sandbox    run everything on an embedded cluster (sluice sandbox --help)
`;

async function main(): Promise<number> {
  switch (verb) {
    case 'operator':
      (await import('./operator/frugal-heap.ts')).limitHeap();
      return (await import('./operator/run-operator.ts')).runOperator(args);
    case 'sandbox':
      return (await import('./sandbox/run-sandbox.ts')).runSandbox(args);
    case undefined:
    case 'help':
    case '--help':
    case '-h':
      process.stdout.write(HELP);
      return 0;
    default:
      process.stderr.write(`unknown verb "${verb}"\n\n${HELP}`);
      return 2;
  }
}

process.exit(await main());
