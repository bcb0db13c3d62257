/** Batches of snapshots (§5.5) on a mock like zrepl's, and the channel program's fall-backs. */
import { describe, expect, test } from "vitest";
import { destroyVerified } from "../../src/endpoint/destroy.ts";
import type { DestroyRequest } from "../../src/endpoint/endpoint.ts";
import type { CommandResult, Runner } from "../../src/zfs/runner.ts";

const OK: CommandResult = { exitCode: 0, stdout: "", stderr: "" };

interface MockOptions {
  /** Longest argument of `zfs destroy` that the kernel takes. */
  readonly maxBytes?: number;
  readonly program?: (argv: readonly string[]) => CommandResult;
  readonly holders?: Readonly<Record<string, string>>;
}

/** All guids are "1"; `undestroyable` refuses, any command with `randomerror` fails without saying on what. */
function mock({ maxBytes, program, holders = {} }: MockOptions = {}) {
  const destroyed: string[] = [];
  let lists = 0;
  const run: Runner["run"] = async (argv) => {
    const names = argv.slice(argv.indexOf("--") + 1);
    if (argv[1] === "list") {
      lists++;
      return {
        ...OK,
        stdout: names
          .filter((name) => !name.endsWith("gone"))
          .map((name) => `${name}\t1\t1\n`)
          .join(""),
      };
    }
    if (argv[1] === "holds")
      return {
        ...OK,
        stdout: names.flatMap((name) => (holders[name] ? [`${name}\t${holders[name]}\tnow\n`] : [])).join(""),
      };
    if (argv[1] === "program") return program?.(argv) ?? { exitCode: 1, stdout: "", stderr: "Permission denied." };
    const target = argv.at(-1) ?? "";
    if (maxBytes !== undefined && target.length > maxBytes)
      throw Object.assign(new Error("spawn E2BIG"), { code: "E2BIG" });
    destroyed.push(target);
    if (target.includes("randomerror")) return { exitCode: 1, stdout: "", stderr: "internal error: nobody knows" };
    if (!target.includes("undestroyable")) return OK;
    const name = `${target.split("@")[0]}@undestroyable`;
    return { exitCode: 1, stdout: "", stderr: `cannot destroy snapshot ${name}: dataset is busy\n` };
  };
  const transfer = async () => {
    throw new Error("no transfers here");
  };
  return { runner: { run, transfer }, destroyed, lists: () => lists };
}

/** `z@foo a@bar` → requests, by filesystem. */
function requests(text: string): DestroyRequest[] {
  const byFilesystem = new Map<string, DestroyRequest["snapshots"][number][]>();
  for (const word of text.split(" ")) {
    const [filesystem = "", name = ""] = word.split("@");
    const version = { kind: "snapshot" as const, name, guid: "1", createtxg: 1n, creationSec: 1, userrefs: 0 };
    byFilesystem.set(filesystem, [...(byFilesystem.get(filesystem) ?? []), version]);
  }
  return [...byFilesystem].map(([filesystem, snapshots]) => ({ filesystem, snapshots }));
}

const plainly = (runner: Runner, text: string) => destroyVerified(runner, requests(text), (name) => name, false);

describe("zrepl's expected calls", () => {
  test("what is in the way is taken out, and asked about alone", async () => {
    const { runner, destroyed, lists } = mock();
    const failures = await plainly(
      runner,
      "a@foo a@bar b@bar b@zab b@undestroyable c@baz c@randomerror c@bar d@blup z@foo",
    );
    expect(destroyed).toEqual([
      "a@bar,foo",
      "b@bar,undestroyable,zab",
      "b@bar,zab",
      "b@undestroyable",
      "c@bar,baz,randomerror",
      "c@bar",
      "c@baz",
      "c@randomerror",
      "d@blup",
      "z@foo",
    ]);
    expect(failures.map(({ filesystem, snapshot, outcome }) => `${filesystem}@${snapshot.name} ${outcome}`)).toEqual([
      "b@undestroyable kept",
      "c@randomerror failed",
    ]);
    expect(lists()).toBe(1);
  });

  test("E2BIG splits in halves", async () => {
    const { runner, destroyed } = mock({ maxBytes: 10 });
    const twos = Array.from({ length: 10 }, (_, i) => `2222@${String(i + 1).padStart(2, "0")}`);
    await plainly(runner, ["1111@a", "1111@b", "1111@c", ...twos].join(" "));
    expect(destroyed).toEqual([
      "1111@a,b,c",
      "2222@01,02",
      "2222@03",
      "2222@04,05",
      "2222@06,07",
      "2222@08",
      "2222@09,10",
    ]);
  });
});

describe("by channel program", () => {
  const byRoot = (runner: Runner, text: string) => destroyVerified(runner, requests(text), (name) => name, true);
  const answer = (left: Readonly<Record<string, number>>) => () => ({
    ...OK,
    stdout: JSON.stringify({ return: left }),
  });

  test("one process per pool, nothing else, when all goes well", async () => {
    const programs: string[] = [];
    const program = (argv: readonly string[]) => {
      programs.push(argv.slice(5).join(" "));
      return answer({})();
    };
    const { runner, destroyed, lists } = mock({ program });
    expect(await byRoot(runner, "p/a@1 p/a@2 q@1 p/b@1")).toEqual([]);
    expect(programs).toEqual(["p - p/a@1 g1 p/a@2 g1 p/b@1 g1", "q - q@1 g1"]);
    expect([destroyed, lists()]).toEqual([[], 0]);
  });

  test("what it leaves is looked after one by one, with the holder's tag", async () => {
    const program = answer({ "p/a@undestroyable": 16, "p/b@gone": -1 });
    const { runner, destroyed } = mock({ program, holders: { "p/a@undestroyable": "mine" } });
    const failures = await byRoot(runner, "p/a@1 p/a@undestroyable p/b@gone");
    expect(destroyed).toEqual(["p/a@undestroyable"]);
    expect(failures).toMatchObject([{ filesystem: "p/a", outcome: "kept", message: "held by mine" }]);
  });

  test.each(["refused", "not understood"])("%s: plain commands, and it is not tried again", async (how) => {
    let tries = 0;
    const program = () => {
      tries++;
      return how === "refused"
        ? { exitCode: 1, stdout: "", stderr: "unrecognized command 'program'" }
        : { ...OK, stdout: "?" };
    };
    const { runner, destroyed } = mock({ program });
    expect(await byRoot(runner, "p@1 q@1 r@1")).toEqual([]);
    expect([tries, destroyed]).toEqual([1, ["p@1", "q@1", "r@1"]]);
  });

  test("one filesystem is one process anyway: no program", async () => {
    const { runner, destroyed } = mock({ program: () => expect.unreachable() });
    await byRoot(runner, "p@1 p@2");
    expect(destroyed).toEqual(["p@1,2"]);
  });

  test("guids above 2^63 are negative to Lua", async () => {
    let args: readonly string[] = [];
    const program = (argv: readonly string[]) => {
      args = argv;
      return answer({})();
    };
    const { runner } = mock({ program });
    const [one, two] = requests("p@1 q@1");
    if (one === undefined || two === undefined) throw new Error("no requests");
    const big = one.snapshots.map((version) => ({ ...version, guid: "18446744073709551615" }));
    await destroyVerified(
      runner,
      [
        { ...one, snapshots: big },
        { ...one, filesystem: "p/x" },
      ],
      (name) => name,
      true,
    );
    expect(args).toContain("g-1");
  });
});
