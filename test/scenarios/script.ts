/**
 * A small language for what happens on the hosts beside us, after the one of zrepl's platform tests. One step a line, names in quotes:
 *   + "fs"                    create a filesystem, with its parents
 *   + "fs" prop=value …       the same with properties; `volsize=8M` makes a volume
 *   + "fs@s"                  take a snapshot, a minute after the last step
 *   + "fs@s" "tag"            hold it
 *   + "fs#b" "fs@s"           bookmark it
 *   - "fs"  - "fs@s"  - "fs#b"  - "fs@s" "tag"     destroy with all that is below; release
 *   !- …                      the same, and it has to fail
 *   > "fs" 4M                 write so much
 *   = "fs" prop=value         set a property
 *   $ zfs …                   any command; words with blanks in quotes
 */
import type { ZfsSimulator } from "../sim/simulator.ts";

/** Does the steps of a script. @throws when one does not go as the script says */
export function play(sim: ZfsSimulator, script: string): void {
  for (const line of script.split("\n").map((text) => text.trim())) {
    if (line === "" || line.startsWith("//")) continue;
    try {
      step(sim, line);
    } catch (error) {
      throw new Error(`${line}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }
}

function step(sim: ZfsSimulator, line: string): void {
  const [verb = "", ...words] = wordsOf(line);
  const [name = "", second] = words;
  sim.nowSec += 60;
  if (verb === ">") sim.write(name, bytesOf(second ?? ""));
  else if (verb === "!-") expectFailure(sim, destruction(name, second));
  else expectSuccess(sim, commandOf(verb, words, line));
}

function commandOf(verb: string, words: readonly string[], line: string): readonly string[] {
  const [name = "", second] = words;
  if (verb === "$") return words;
  if (verb === "=") return ["zfs", "set", second ?? "", name];
  if (verb === "+") return creation(name, words.slice(1));
  if (verb === "-") return destruction(name, second);
  throw new Error(`no such step: ${line}`);
}

function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
}

function creation(name: string, rest: readonly string[]): string[] {
  const [second] = rest;
  if (name.includes("#")) return ["zfs", "bookmark", second ?? "", name];
  if (name.includes("@")) return second === undefined ? ["zfs", "snapshot", name] : ["zfs", "hold", second, name];
  const size = rest.find((word) => word.startsWith("volsize="))?.slice("volsize=".length);
  const properties = rest.filter((word) => !word.startsWith("volsize=")).flatMap((word) => ["-o", word]);
  return ["zfs", "create", "-p", ...(size === undefined ? [] : ["-V", size]), ...properties, name];
}

function destruction(name: string, tag: string | undefined): string[] {
  if (tag !== undefined) return ["zfs", "release", tag, name];
  return ["zfs", "destroy", ...(/[@#]/.test(name) ? [] : ["-r"]), name];
}

/** `4M` → bytes. */
export function bytesOf(text: string): number {
  const match = /^(\d+)([KM]?)$/.exec(text);
  if (match === null) throw new Error(`bad size ${text}`);
  return Number(match[1]) * { "": 1, K: 1 << 10, M: 1 << 20 }[match[2] as "" | "K" | "M"];
}

function expectSuccess(sim: ZfsSimulator, argv: readonly string[]): void {
  const result = sim.exec(argv);
  if (result.exitCode !== 0) throw new Error(result.stderr);
}

function expectFailure(sim: ZfsSimulator, argv: readonly string[]): void {
  if (sim.exec(argv).exitCode === 0) throw new Error("it succeeded");
}
