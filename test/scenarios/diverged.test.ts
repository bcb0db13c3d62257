import { describe, expect, test } from "vitest";
import type { PushJob } from "../../src/config/config.ts";
import { isClean, push } from "../crash/push.ts";
import type { ZfsSimulator } from "../sim/simulator.ts";
import { configOf, LAST_RECEIVED, Lab, RECEIVER } from "./lab.ts";

const REPLICA = `${RECEIVER}/src/a`;

/** @1 is on both sides; then the receiver got two snapshots of its own and the sender one. */
async function diverge(more = ""): Promise<Lab> {
  const lab = new Lab(`
    + "src/a"
    + "src/a@1"
    ${more}`);
  await lab.succeed();
  return lab.play(`
    > "${REPLICA}" 1K
    + "${REPLICA}@mine 1"
    + "${REPLICA}@mine 2"
    > "src/a" 1M
    + "src/a@2"`);
}

function policy(diverged: string) {
  return { push: { conflict_resolution: { diverged } } };
}

describe("a receiver with snapshots of its own", () => {
  test("fails, and is told what is where and what would resolve it", async () => {
    const lab = await diverge();
    const before = JSON.stringify(lab.dataset(REPLICA));
    const pushed = await lab.push();
    expect(pushed.failures["src/a"]?.split("\n").map((line) => line.trim())).toEqual([
      "diverged: the receiver has 2 snapshot(s) after the last common one (@1)",
      "last common: @1",
      "sender-only:",
      "@2",
      "receiver-only:",
      "@mine 1",
      "@mine 2",
      `the receiver-only snapshots (2) exist nowhere else; to destroy them and go on from the last common one, on the receiver: zfs rollback -r '${REPLICA}@1'`,
      "conflict_resolution.diverged: rollback would do the same, set_aside would rename the replica and send it again",
    ]);
    expect(JSON.stringify(lab.dataset(REPLICA))).toBe(before);
    expect(lab.holds("src/a")).toEqual([]);
  });

  test("the command that it is told resolves it", async () => {
    const lab = await diverge();
    const { failures } = await lab.push();
    const command = /on the receiver: (zfs rollback .*)/.exec(failures["src/a"] ?? "")?.[1] ?? "";
    lab.play(`$ ${command.replaceAll("'", '"')}`);
    expect((await lab.succeed()).done).toEqual(["src/a @1 → @2"]);
  });

  test("is rolled back with diverged: rollback, no further than the last common one", async () => {
    const lab = await diverge();
    const pushed = await lab.succeed(policy("rollback"));
    expect(pushed.done).toEqual(["src/a @1 → @2"]);
    expect(lab.replicated("src/a")).toEqual(["1", "2"]);
    expect(lab.content(`${REPLICA}@2`)).toEqual(lab.content("src/a@2"));
  });

  test("a dry run of rollback lists exactly what would go, and changes nothing", async () => {
    const lab = await diverge();
    const before = lab.sim.dump();
    const pushed = await lab.push({ ...policy("rollback"), dryRun: true });
    expect(pushed.planned).toContain("  roll the receiver back to @1, destroying @mine 1 @mine 2");
    expect(lab.sim.dump().replace(/^now .*\n/, "")).toBe(before.replace(/^now .*\n/, ""));
  });

  test("is not rolled back over a held snapshot", async () => {
    const lab = await diverge();
    lab.play(`+ "${REPLICA}@mine 2" "keep"`);
    const pushed = await lab.push(policy("rollback"));
    expect(pushed.failures["src/a"]).toMatch(/^diverged/);
    expect(lab.replicated("src/a")).toEqual(["1", "mine 1", "mine 2"]);
  });

  test("is not rolled back over a snapshot that appeared since it was planned", async () => {
    const lab = await diverge();
    const surprise = { kind: "user", act: () => void lab.play(`+ "${REPLICA}@mine 3"`) } as const;
    const pushed = await lab.push({
      ...policy("rollback"),
      troubles: [{ at: /^zfs list .*-d 1.*src\/a$/, times: 1, what: surprise }],
    });
    expect(pushed.failures["src/a"]).toMatch(/@mine 3 appeared since this was planned/);
    expect(lab.replicated("src/a")).toEqual(["1", "mine 1", "mine 2", "mine 3"]);
  });

  test("with children is rolled back alone", async () => {
    const lab = await diverge(`
      + "src/a/child"
      + "src/a/child@1"`);
    await lab.succeed(policy("rollback"));
    expect(lab.replicated("src/a")).toEqual(["1", "2"]);
    expect(lab.replicated("src/a/child")).toEqual(["1"]);
  });

  test("is set aside with diverged: set_aside, with all its snapshots, and sent again", async () => {
    const lab = await diverge();
    const pushed = await lab.succeed(policy("set_aside"));
    expect(pushed.done).toEqual(["src/a full → @2"]);
    const aside = lab.received.find((name) => name.startsWith("src/a."));
    expect(aside).toMatch(/^src\/a\.diverged-\d{8}T\d{6}Z$/);
    expect(lab.replicated(aside ?? "")).toEqual(["1", "mine 1", "mine 2"]);
    expect(lab.replicated("src/a")).toEqual(["2"]);
    expect(lab.holds(REPLICA)).toEqual([`@2: ${LAST_RECEIVED}`]);
    expect(lab.holds(`${RECEIVER}/${aside}`)).toEqual([]); // its owner can destroy it

    lab.play('+ "src/a@3"');
    expect((await lab.succeed(policy("set_aside"))).done).toEqual(["src/a @2 → @3"]);
  });

  test("a dry run of set_aside says so", async () => {
    const lab = await diverge();
    const pushed = await lab.push({ ...policy("set_aside"), dryRun: true });
    expect(pushed.planned.join("\n")).toMatch(/rename the receiver's filesystem to ….diverged-/);
    expect(lab.received).toEqual(["src", "src/a"]);
  });

  test("is not set aside when it has children: they would go along", async () => {
    const lab = await diverge(`
      + "src/a/child"
      + "src/a/child@1"`);
    const pushed = await lab.push(policy("set_aside"));
    expect(pushed.failures["src/a"]).toMatch(/set_aside can't, the filesystem has children/);
    expect(lab.received).toEqual(["src", "src/a", "src/a/child"]);
  });

  test("that is newer only (the sender has nothing new) is diverged, too", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"`);
    await lab.succeed();
    lab.play(`+ "${REPLICA}@mine"`);
    expect((await lab.push()).failures["src/a"]).toMatch(/^diverged/);
    await lab.succeed(policy("rollback"));
    expect(lab.replicated("src/a")).toEqual(["1"]);
  });

  test("is rolled back although an interrupted receive is there, too", async () => {
    const lab = await diverge();
    lab.play('- "src/a@2"');
    lab.play(`
      > "src/a" 3M
      + "src/a@3"`);
    lab.sim.exec(["zfs", "rollback", "-r", `${REPLICA}@1`]);
    const send = ["zfs", "send", "-i", "@1", "src/a@3"];
    lab.sim.pipe(send, ["zfs", "recv", "-s", REPLICA], { cutAfterBytes: 1 << 20 });
    expect(lab.replica("src/a").partial).not.toBe(null);
    lab.play(`+ "${REPLICA}@mine"`);
    await lab.succeed(policy("rollback"));
    expect(lab.replicated("src/a")).toEqual(["1", "3"]);
  });
});

describe("histories without anything in common", () => {
  async function unrelated(): Promise<Lab> {
    return new Lab(`
      + "src/a"
      + "src/a@1"
      + "${REPLICA}"
      + "${REPLICA}@9"`);
  }

  test("are a conflict with both sides listed", async () => {
    const lab = await unrelated();
    const { failures } = await lab.push();
    expect(failures["src/a"]?.split("\n").map((line) => line.trim())).toEqual([
      "no common snapshot or suitable bookmark between sender and receiver",
      "sorted sender versions:",
      "@1",
      "sorted receiver versions:",
      "@9",
      `to start again and keep the old replica, on the receiver: zfs rename '${REPLICA}' '${REPLICA}.old'`,
      "conflict_resolution.diverged: set_aside would do the same",
    ]);
  });

  test("the command that it is told resolves it", async () => {
    const lab = await unrelated();
    const { failures } = await lab.push();
    const command = /on the receiver: (zfs rename .*)/.exec(failures["src/a"] ?? "")?.[1] ?? "";
    lab.play(`$ ${command.replaceAll("'", '"')}`);
    await lab.succeed();
    expect(lab.replicated("src/a")).toEqual(["1"]);
    expect(lab.replicated("src/a.old")).toEqual(["9"]);
  });

  test("with filesystems below: the advice says that these go along; nothing is lost", async () => {
    const lab = new Lab(`
      + "src/a/child"
      + "src/a@1"
      + "src/a/child@1"
      + "${REPLICA}"
      + "${REPLICA}@9"`);
    await lab.push();
    const { failures } = await lab.push();
    expect(failures["src/a"]).toMatch(/the filesystems below it go along, and will be sent again, too$/);
    expect(lab.replicated("src/a/child")).toEqual(["1"]);
    lab.play(`$ zfs rename "${REPLICA}" "${REPLICA}.old"`);
    await lab.succeed();
    expect([lab.replicated("src/a"), lab.replicated("src/a/child")]).toEqual([["1"], ["1"]]);
    expect(lab.replicated("src/a.old/child")).toEqual(["1"]);
  });

  test("are never rolled back, but set aside", async () => {
    const lab = await unrelated();
    expect((await lab.push(policy("rollback"))).failures["src/a"]).toMatch(/no common snapshot/);
    await lab.succeed(policy("set_aside"));
    expect(lab.replicated("src/a")).toEqual(["1"]);
  });

  test("bookmarks on the receiver are nothing in common (zrepl #490)", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"`);
    await lab.succeed();
    lab.play(`
      + "${REPLICA}#1" "${REPLICA}@1"
      - "${REPLICA}@1" "${LAST_RECEIVED}"
      - "${REPLICA}@1"
      + "src/a@2"`);
    const pushed = await lab.push();
    expect(pushed.failures["src/a"]).toMatch(/has no snapshots/);
    expect(pushed.started).toEqual([]);
  });
});

describe("a receiver that was changed after its newest snapshot", () => {
  test("refuses, with a hint that works; nothing is lost", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"`);
    await lab.succeed();
    lab.play(`
      > "${REPLICA}" 1K
      + "src/a@2"`);
    const pushed = await lab.push();
    expect(pushed.failures["src/a"]).toMatch(/has been modified/);
    expect(pushed.hints["src/a"]).toContain(`zfs rollback '${REPLICA}@`);
    expect(lab.replicated("src/a")).toEqual(["1"]);
    lab.play(`$ zfs rollback "${REPLICA}@1"`);
    await lab.succeed();
    expect(lab.replicated("src/a")).toEqual(["1", "2"]);
  });
});

/** The sender went back to @1 (a restore, `zfs rollback -r`), so that the receiver's @2 with our hold is nobody's any more. */
describe("a sender that was rolled back", () => {
  async function rolledBack(): Promise<Lab> {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"
      > "src/a" 1M
      + "src/a@2"`);
    await lab.succeed({ push: { conflict_resolution: { initial_replication: "all" } } });
    expect(lab.holds(REPLICA)).toEqual([`@2: ${LAST_RECEIVED}`]);
    lab.play(`
      $ zfs rollback -r "src/a@1"
      > "src/a" 1M
      + "src/a@3"`);
    expect(lab.bookmarks("src/a")).toEqual([]);
    return lab;
  }

  test("is told the commands that resolve it, with our own hold in the way", async () => {
    const lab = await rolledBack();
    const { failures } = await lab.push();
    const commands = failures["src/a"]?.match(/zfs (release|rollback) .*/g) ?? [];
    expect(commands).toEqual([`zfs release '${LAST_RECEIVED}' '${REPLICA}@2'`, `zfs rollback -r '${REPLICA}@1'`]);
    for (const command of commands) lab.play(`$ ${command.replaceAll("'", '"')}`);
    expect((await lab.succeed()).done).toEqual(["src/a @1 → @3"]);
  });

  test("is followed with diverged: rollback: our own hold does not keep what is to go", async () => {
    const lab = await rolledBack();
    await lab.succeed(policy("rollback"));
    expect(lab.replicated("src/a")).toEqual(["1", "3"]);
    expect(lab.holds(REPLICA)).toEqual([`@3: ${LAST_RECEIVED}`]);
  });

  test("is not followed over another job's hold", async () => {
    const lab = await rolledBack();
    lab.play(`+ "${REPLICA}@2" "zrepl_last_received_J_other"`);
    expect((await lab.push(policy("rollback"))).failures["src/a"]).toMatch(/^diverged/);
    expect(lab.replicated("src/a")).toEqual(["1", "2"]);
    expect(lab.holds(REPLICA)).toContain(`@2: ${LAST_RECEIVED}`);
  });

  test("leads to a new replica with diverged: set_aside", async () => {
    const lab = await rolledBack();
    await lab.succeed(policy("set_aside"));
    expect(lab.replicated("src/a")).toEqual(["3"]);
  });
});

describe("a run that dies while it resolves a divergence", () => {
  /** Names of the receiver's snapshots, of whatever filesystem. */
  function receiverSnapshots(sim: ZfsSimulator): string[] {
    const datasets = Object.values(sim.world.pools["dst"]?.datasets ?? {});
    return datasets.flatMap(({ snapshots }) => snapshots.map(({ name }) => name)).sort();
  }

  test.each`
    diverged       | atEnd
    ${"rollback"}  | ${["1", "2"]}
    ${"set_aside"} | ${["1", "2", "mine 1", "mine 2"]}
  `("($diverged) at any operation is followed by one that gets there", async ({ diverged, atEnd }) => {
    const lab = await diverge();
    lab.play(`+ "${REPLICA}@mine 2" "${LAST_RECEIVED}"`); // as after a restore of the sender
    const { config, job } = await configOf(policy(diverged));
    const scenario = { config, job: job as PushJob };
    const { length } = (await push(scenario, lab.sim.clone())).runner.operations;
    expect(length).toBeGreaterThan(8);
    for (let operation = 0; operation < length; operation++)
      for (const when of ["before", "after"] as const) {
        const sim = lab.sim.clone();
        await push(scenario, sim, new Map([[operation, { kind: "crash", when }]]));
        const keeps = diverged === "set_aside" ? ["mine 1", "mine 2"] : [];
        expect(receiverSnapshots(sim)).toEqual(expect.arrayContaining(keeps));
        sim.nowSec += 60;
        await push(scenario, sim);
        const last = await push(scenario, sim);
        expect([isClean(last), last.runner.mutations]).toEqual([true, 0]);
        expect(receiverSnapshots(sim)).toEqual(atEnd);
      }
  });
});
