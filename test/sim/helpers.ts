import { ZfsSimulator } from "./simulator.ts";

/** Two pools, `tank` and `back`, with nothing in them. */
export function twoPools(): ZfsSimulator {
  const sim = new ZfsSimulator({ seed: 7, nowSec: 1_700_000_000 });
  sim.addPool("tank");
  sim.addPool("back");
  return sim;
}

/** Splits a command line at blanks; `'…'` keeps them. */
export function words(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? "");
}

/** Runs command lines that must succeed. */
export function run(sim: ZfsSimulator, ...lines: readonly string[]): string {
  return lines
    .map((line) => {
      const { stdout, stderr, exitCode } = sim.exec(words(line));
      if (exitCode !== 0) throw new Error(`${line}: ${stderr}`);
      return stdout;
    })
    .join("");
}

/** Stderr without its final newline, and the exit code: what most tests compare. */
export function failure(sim: ZfsSimulator, line: string): string {
  const { stderr, exitCode } = sim.exec(words(line));
  return `${exitCode}: ${stderr.trimEnd()}`;
}

/** `send | receive`; the exit codes and what the receiver says. */
export function transfer(
  sim: ZfsSimulator,
  send: string,
  recv: string,
  options: Parameters<ZfsSimulator["pipe"]>[2] = {},
): string {
  const result = sim.pipe(words(`zfs send ${send}`), words(`zfs recv ${recv}`), options);
  return `${result.send.exitCode} ${result.recv.exitCode}: ${(result.send.stderr + result.recv.stderr).trimEnd()}`;
}

/** Value of one property. */
export function property(sim: ZfsSimulator, name: string, dataset: string): string {
  return run(sim, `zfs get -Hp -o value ${name} '${dataset}'`).trimEnd();
}

/** Names that `zfs list -r -t all` shows. */
export function names(sim: ZfsSimulator, root: string): string[] {
  return run(sim, `zfs list -H -r -t all -o name ${root}`).trimEnd().split("\n");
}
