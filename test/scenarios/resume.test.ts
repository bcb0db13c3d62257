import { describe, expect, test } from "vitest";
import { decodeToken, encodeToken } from "../sim/token.ts";
import { cursorAt, cutAfter, Lab, ONE_ATTEMPT, protection, STEP } from "./lab.ts";

const MIB = 1 << 20;

/** zrepl's ReplicationIsResumableFullSend: @1 has 4 MiB, every stream ends after 1 MiB, users destroy what they can. */
describe("a full send in pieces of 1 MiB", () => {
  interface Rounds {
    readonly lab: Lab;
    /** Whether the user could destroy @1 after each round. */
    readonly destroyed: readonly boolean[];
    readonly receivedBytes: number;
  }

  async function inRounds(initial: string, incremental: string): Promise<Rounds> {
    const lab = new Lab(`
      + "src/a"
      > "src/a" 4M
      + "src/a@1"`);
    const destroyed: boolean[] = [];
    let receivedBytes = 0;
    for (let round = 1; round <= 8; round++) {
      const pushed = await lab.push({ ...cutAfter(MIB), ...protection(initial, incremental, ONE_ATTEMPT) });
      receivedBytes += pushed.runner.receivedBytes;
      destroyed.push(lab.sim.exec(["zfs", "destroy", "src/a@1"]).exitCode === 0);
      if (round <= 2) lab.play(`+ "src/a@${round + 1}"`);
    }
    return { lab, destroyed, receivedBytes };
  }

  test.each`
    initial           | incremental
    ${"resumability"} | ${"resumability"}
    ${"resumability"} | ${"incremental"}
  `(
    "initial $initial, incremental $incremental: @1 is held until it has arrived, nothing is sent twice",
    async (row) => {
      const { lab, destroyed, receivedBytes } = await inRounds(row.initial, row.incremental);
      expect(destroyed.slice(0, 4)).toEqual([false, false, false, false]);
      expect(destroyed).toContain(true);
      expect(lab.replicated("src/a")).toEqual(["1", "2", "3"]);
      expect(lab.bookmarks("src/a")).toEqual([cursorAt("3")]);
      expect(lab.holds("src/a")).toEqual([]);
      expect(receivedBytes).toBeLessThan(4 * MIB + 8 * 140_000); // up to one 128 KiB record again after each cut
    },
  );

  test("initial incremental: users may destroy @1, then the receiver starts again with @2 (zrepl is stuck for ever)", async () => {
    const { lab, destroyed } = await inRounds("incremental", "incremental");
    expect(destroyed[0]).toBe(true);
    expect(lab.dataset("src/a").snapshots.map(({ name }) => name)).toEqual(["2", "3"]);
    // each later round still sees a stream of 4 MiB end after 1 MiB; without a cut it gets there
    await lab.succeed(protection("incremental"));
    expect(lab.replicated("src/a").at(-1)).toBe("3");
  });
});

/** @1 is replicated, and @2 interrupted. */
async function interrupted(changes: Parameters<Lab["push"]>[0] = {}): Promise<Lab> {
  const lab = new Lab(`
    + "src/a"
    + "src/a@1"`);
  await lab.succeed(changes);
  lab.play(`
    > "src/a" 3M
    + "src/a@2"
    + "src/a@3"`);
  await lab.push({ ...cutAfter(MIB), ...changes, push: { replication: ONE_ATTEMPT, ...changes.push } });
  expect(lab.replica("src/a").partial).not.toBe(null);
  return lab;
}

describe("an interrupted step", () => {
  test("is resumed first, then the later ones follow", async () => {
    const lab = await interrupted();
    expect(lab.holds("src/a")).toEqual([`@1: ${STEP}`, `@2: ${STEP}`, `@3: ${STEP}`]);
    const pushed = await lab.succeed();
    expect(pushed.started).toEqual(["resume src/a @1 → @2", "src/a @2 → @3"]);
    expect(pushed.runner.receivedBytes).toBeLessThan(2.2 * MIB);
    expect(lab.holds("src/a")).toEqual([]);
    expect(lab.content("dst/the sink/my client/src/a@3")).toEqual(lab.content("src/a@3"));
  });

  test("is resumed from the cursor where @from was destroyed", async () => {
    const lab = await interrupted(protection("resumability", "incremental", ONE_ATTEMPT));
    lab.play('- "src/a@1"');
    const pushed = await lab.succeed(protection("resumability", "incremental"));
    expect(pushed.started[0]).toMatch(/^resume src\/a #zrepl_CURSOR\w* .*→ @2$/);
    expect(lab.replicated("src/a")).toEqual(["1", "2", "3"]);
  });

  test("is resumed inside the same run after a temporary error", async () => {
    const lab = new Lab(`
      + "src/a"
      > "src/a" 3M
      + "src/a@1"`);
    const pushed = await lab.succeed({
      troubles: [{ at: /zfs send/, times: 1, what: { kind: "cut", bytes: MIB } }],
      push: { replication: { retry: { attempts: 2, backoff: "1ms" } } },
    });
    expect(pushed.started).toEqual(["src/a full → @1", "resume src/a full → @1"]);
  });

  test("of a filesystem that is not selected any more stays as it is", async () => {
    const lab = await interrupted();
    lab.play(`
      + "src/b"
      + "src/b@1"`);
    await lab.succeed({ push: { filesystems: { "src/b": true } } });
    expect(lab.replica("src/a").partial).not.toBe(null);
    expect(lab.holds("src/a")).toEqual([`@1: ${STEP}`, `@2: ${STEP}`, `@3: ${STEP}`]);
  });
});

describe("a resume token that can't go on", () => {
  test("because @to is gone is cleared, and the next snapshot sent", async () => {
    const lab = await interrupted();
    lab.play(`
      - "src/a@2" "${STEP}"
      - "src/a@2"`);
    const pushed = await lab.succeed();
    expect(pushed.started).toEqual(["src/a @1 → @3"]);
    expect(lab.replica("src/a").partial).toBe(null);
    expect(lab.replicated("src/a")).toEqual(["1", "3"]);
  });

  test("is left alone and explained with on_dead_token: fail", async () => {
    const lab = await interrupted();
    lab.play(`
      - "src/a@2" "${STEP}"
      - "src/a@2"`);
    const pushed = await lab.push({ push: { replication: { resume: { on_dead_token: "fail" } } } });
    expect(pushed.failures["src/a"]).toMatch(/`toguid` = \d+ not found on sender \(`toname` = "src\/a@2"\); clear it/);
    expect(lab.replica("src/a").partial).not.toBe(null);
    expect(pushed.started).toEqual([]);
  });

  test("because both @from and its cursor are gone is cleared, and the filesystem is a conflict", async () => {
    const lab = await interrupted(protection("nothing", "nothing", ONE_ATTEMPT));
    lab.play('- "src/a@1"');
    const pushed = await lab.push(protection("nothing"));
    expect(pushed.failures["src/a"]).toMatch(/no common snapshot/);
    expect(pushed.started).toEqual([]);
    expect(lab.replicated("src/a")).toEqual(["1"]);
  });

  test("because the receiver got a newer snapshot in another way is cleared", async () => {
    const lab = await interrupted();
    const replica = "dst/the sink/my client/src/a";
    const { partial } = lab.dataset(replica);
    lab.sim.exec(["zfs", "recv", "-A", replica]);
    expect(lab.sim.pipe(["zfs", "send", "-i", "@1", "src/a@2"], ["zfs", "recv", replica]).recv.exitCode).toBe(0);
    lab.dataset(replica).partial = partial; // as if it had been interrupted once more
    const pushed = await lab.succeed();
    expect(pushed.started).toEqual(["src/a @2 → @3"]);
    expect(lab.replicated("src/a")).toEqual(["1", "2", "3"]);
  });

  test("because it is of another filesystem is not sent with: cleared, and nothing of the other one leaves", async () => {
    const lab = await interrupted();
    lab.play(`
      + "src/secret"
      > "src/secret" 3M
      + "src/secret@1"`);
    const { partial } = lab.replica("src/a");
    const secret = lab.snapshot("src/secret@1");
    if (partial === null) throw new Error("no partial receive");
    Object.assign(partial, { toname: "src/secret@1", toguid: secret.guid, fromguid: null });
    const pushed = await lab.succeed({ push: { filesystems: { "src/a": true } } });
    expect(pushed.started).toEqual(["src/a @1 → @2", "src/a @2 → @3"]);
    expect(pushed.runner.commands.filter((command) => /^zfs send (?!-n).*-t/.test(command))).toEqual([]);
  });

  test("because it is corrupt is cleared", async () => {
    const lab = await interrupted();
    const pushed = await lab.succeed({
      troubles: [
        { at: /^zfs send -n .*-t/, what: { kind: "fail", stderr: "cannot resume send: resume token is corrupt\n" } },
      ],
    });
    expect(pushed.started).toEqual(["src/a @1 → @2", "src/a @2 → @3"]);
  });
});

describe("an interrupted initial send whose snapshot is gone", () => {
  const gone = (lab: Lab) =>
    lab.play(`
      - "src/a@1" "${STEP}"
      - "src/a@1"
      + "src/a@2"`);

  test("into nothing: the half-received filesystem goes, the next snapshot is sent in full", async () => {
    const lab = new Lab(`
      + "src/a"
      > "src/a" 3M
      + "src/a@1"`);
    await lab.push({ ...cutAfter(MIB), push: { replication: ONE_ATTEMPT } });
    gone(lab);
    const pushed = await lab.succeed();
    expect(pushed.started).toEqual(["src/a full → @2"]);
    expect(lab.replicated("src/a")).toEqual(["2"]);
  });

  test("into a placeholder with children: that and they stay, the next snapshot replaces it", async () => {
    const lab = new Lab(`
      + "src/a/b"
      + "src/a/b@1"`);
    await lab.succeed();
    lab.play(`
      > "src/a" 3M
      + "src/a@1"`);
    await lab.push({ ...cutAfter(MIB), push: { replication: ONE_ATTEMPT } });
    expect(lab.replica("src/a").partial).not.toBe(null);
    gone(lab);
    const pushed = await lab.succeed();
    expect(pushed.started).toEqual(["src/a full → @2"]);
    expect([lab.replicated("src/a"), lab.replicated("src/a/b")]).toEqual([["2"], ["1"]]);
    expect(lab.replica("src/a").props["zrepl:placeholder"]?.local).toBe("off");
  });

  test("and nothing else is there: it is cleared up to nothing to do", async () => {
    const lab = new Lab(`
      + "src/a"
      > "src/a" 3M
      + "src/a@1"`);
    await lab.push({ ...cutAfter(MIB), push: { replication: ONE_ATTEMPT } });
    lab.play(`
      - "src/a@1" "${STEP}"
      - "src/a@1"`);
    for (let run = 1; run <= 2; run++) expect((await lab.succeed()).started).toEqual([]);
    lab.play('+ "src/a@2"');
    await lab.succeed();
    expect(lab.replicated("src/a")).toEqual(["2"]);
  });
});

describe("a resume token of another encryption policy", () => {
  const ENCRYPTED = `
    + "src/e" encryption=on keyformat=passphrase
    > "src/e" 3M
    + "src/e@1"`;
  const one = { push: { replication: ONE_ATTEMPT } };

  test("unencrypted, but policy mandates encrypted sends: cleared, nothing is sent with it (zrepl is stuck)", async () => {
    const lab = new Lab(ENCRYPTED);
    await lab.push({ ...cutAfter(MIB), ...one });
    expect(decodedToken(lab).rawok).toBe(false);
    const pushed = await lab.push({ push: { ...one.push, send: { encrypted: true } } });
    expect(sendsWithToken(pushed.runner.commands)).toEqual([]);
    expect(pushed.error ?? Object.values(pushed.failures)).toEqual([]);
    expect(lab.replica("src/e").encryption).not.toBe(null);
    expect(lab.replicated("src/e")).toEqual(["1"]);
  });

  test("raw, but policy mandates unencrypted sends: cleared, nothing is sent with it (zrepl is stuck)", async () => {
    const lab = new Lab(ENCRYPTED);
    await lab.push({ ...cutAfter(MIB), push: { ...one.push, send: { encrypted: true } } });
    expect(decodedToken(lab).rawok).toBe(true);
    const pushed = await lab.push(one);
    expect(sendsWithToken(pushed.runner.commands)).toEqual([]);
    expect(Object.values(pushed.failures)).toEqual([]);
    expect(lab.replica("src/e").encryption).toBe(null);
    expect(lab.replicated("src/e")).toEqual(["1"]);
  });

  test.each`
    first    | then     | reason
    ${false} | ${true}  | ${"does not have rawok=true"}
    ${true}  | ${false} | ${"has rawok=true"}
  `("with on_dead_token: fail it is left alone (encrypted: $first, then $then)", async ({ first, then, reason }) => {
    const lab = new Lab(ENCRYPTED);
    await lab.push({ ...cutAfter(MIB), push: { ...one.push, send: { encrypted: first } } });
    const replication = { ...ONE_ATTEMPT, resume: { on_dead_token: "fail" } };
    const pushed = await lab.push({ push: { replication, send: { encrypted: then } } });
    expect(pushed.failures["src/e"]).toContain(reason);
    expect(sendsWithToken(pushed.runner.commands)).toEqual([]);
    expect(lab.replica("src/e").partial).not.toBe(null);
  });

  function decodedToken(lab: Lab) {
    const { partial } = lab.replica("src/e");
    const token = partial === null ? { problem: "none" } : decodeToken(encodeToken(partial));
    if ("problem" in token) throw new Error(token.problem);
    return token;
  }

  function sendsWithToken(commands: readonly string[]): string[] {
    return commands.filter((command) => /^zfs send (?!-n).*-t /.test(command));
  }
});
