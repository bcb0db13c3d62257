import { describe, expect, test } from "vitest";
import {
  cursorAt,
  cutAfter,
  LAST_RECEIVED,
  Lab,
  ONE_ATTEMPT,
  PUSH_JOB,
  protection,
  SINK_JOB,
  STEP,
  tentativeAt,
} from "./lab.ts";

const OTHER = "other-job";

describe("what earlier runs left", () => {
  test("of this job goes, other jobs' and users' stays (zrepl's variant without a cache)", async () => {
    const lab = new Lab(`
      + "src/foo bar"
      + "src/foo bar@1"
      + "src/foo bar@2"
      + "src/foo bar#2" "src/foo bar@2"
      + "src/foo bar@3"`);
    await lab.succeed({ push: { conflict_resolution: { initial_replication: "all" } } });
    for (const job of [PUSH_JOB, OTHER]) {
      lab.addBookmark("cursor", job, "src/foo bar@2");
      lab.addBookmark("tentative", job, "src/foo bar@3");
      lab.play(`+ "src/foo bar@1" "zrepl_STEP_J_${job}"
        + "src/foo bar@2" "zrepl_STEP_J_${job}"`);
    }
    lab.play(`+ "dst/the sink/my client/src/foo bar@1" "zrepl_last_received_J_${OTHER}"
      + "src/foo bar@4"
      + "src/foo bar@5"`);

    await lab.succeed();

    expect(lab.bookmarks("src/foo bar")).toEqual(
      ["2", cursorAt("2", OTHER), tentativeAt("3", OTHER), cursorAt("5")].sort(),
    );
    expect(lab.holds("src/foo bar")).toEqual([`@1: zrepl_STEP_J_${OTHER}`, `@2: zrepl_STEP_J_${OTHER}`]);
    expect(lab.holds("dst/the sink/my client/src/foo bar")).toEqual([
      `@1: zrepl_last_received_J_${OTHER}`,
      `@5: ${LAST_RECEIVED}`,
    ]);
  });

  test("goes also where there is nothing to send", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"
      + "src/a@2"`);
    await lab.succeed();
    lab.addBookmark("cursor", PUSH_JOB, "src/a@1");
    lab.addBookmark("tentative", PUSH_JOB, "src/a@1");
    lab.play(`+ "src/a@1" "${STEP}"`);

    const pushed = await lab.succeed();

    expect(pushed.started).toEqual([]);
    expect(lab.bookmarks("src/a")).toEqual([cursorAt("2")]);
    expect(lab.holds("src/a")).toEqual([]);
  });

  test("a bookmark whose name has another guid than its own is not ours", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"
      + "src/a@2"`);
    const { guid } = lab.snapshot("src/a@1");
    const forged = `zrepl_CURSOR_G_${BigInt(guid).toString(16).padStart(16, "0")}_J_${PUSH_JOB}`;
    lab.play(`+ "src/a#${forged}" "src/a@2"`);
    await lab.succeed();
    expect(lab.dataset("src/a").bookmarks.map(({ name }) => name)).toContain(forged);
    expect(lab.bookmarks("src/a")).toEqual([cursorAt("1"), cursorAt("2")].sort());
  });
});

describe("switching to guarantee_incremental", () => {
  test("takes the step holds of an interrupted step off, and leaves one cursor", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"`);
    await lab.succeed();
    lab.play(`
      > "src/a" 3M
      + "src/a@2"`);
    await lab.push({ ...cutAfter(1 << 20), push: { replication: ONE_ATTEMPT } });
    expect(lab.holds("src/a")).toEqual([`@1: ${STEP}`, `@2: ${STEP}`]);

    await lab.push({ ...cutAfter(1 << 20), ...protection("resumability", "incremental", ONE_ATTEMPT) });
    expect(lab.holds("src/a")).toEqual([]);
    expect(lab.bookmarks("src/a")).toEqual([cursorAt("1"), tentativeAt("1"), tentativeAt("2")].sort());

    await lab.succeed(protection("resumability", "incremental"));
    expect(lab.replicated("src/a")).toEqual(["1", "2"]);
    expect(lab.holds("src/a")).toEqual([]);
    expect(lab.bookmarks("src/a")).toEqual([cursorAt("2")]);
  });

  test("with nothing to send, too", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"`);
    await lab.succeed();
    lab.play(`+ "src/a@1" "${STEP}"`);
    await lab.succeed(protection("incremental"));
    expect(lab.holds("src/a")).toEqual([]);
    expect(lab.bookmarks("src/a")).toEqual([cursorAt("1")]);
  });
});

describe("guarantee_nothing", () => {
  test("sends from a tentative cursor that is the only common version, then removes it", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"`);
    await lab.succeed(protection("nothing"));
    lab.addBookmark("tentative", PUSH_JOB, "src/a@1");
    lab.play(`
      - "src/a@1"
      + "src/a@2"`);

    const pushed = await lab.succeed(protection("nothing"));

    expect(pushed.started).toEqual([expect.stringMatching(/^src\/a #zrepl_CURSORTENTATIVE__G_\w+_J_push job → @2$/)]);
    expect(lab.replicated("src/a")).toEqual(["1", "2"]);
    expect(lab.bookmarks("src/a")).toEqual([]);
    expect(lab.holds("src/a")).toEqual([]);
    expect(lab.holds("dst/the sink/my client/src/a")).toEqual([]);
  });

  test("removes the cursors and holds of guarantees that are configured no more", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"`);
    await lab.succeed();
    expect(lab.bookmarks("src/a")).toEqual([cursorAt("1")]);
    await lab.succeed(protection("nothing"));
    expect(lab.bookmarks("src/a")).toEqual([]);
    expect(lab.holds("dst/the sink/my client/src/a")).toEqual([]);
    lab.play('+ "src/a@2"');
    const pushed = await lab.succeed(protection("nothing"));
    expect(pushed.done).toEqual(["src/a @1 → @2"]);
    expect(pushed.runner.commandsOf("zfs hold")).toEqual([]);
    expect(pushed.runner.commandsOf("zfs bookmark")).toEqual([]);
  });
});

describe("the base for the next step", () => {
  test("is the cursor where the common snapshot was destroyed on the sender", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"`);
    await lab.succeed();
    lab.play(`
      - "src/a@1"
      + "src/a@2"`);
    const pushed = await lab.succeed();
    expect(pushed.started).toEqual([expect.stringMatching(/^src\/a #zrepl_CURSOR_G_\w+_J_push job → @2$/)]);
    expect(lab.replicated("src/a")).toEqual(["1", "2"]);
    expect(lab.bookmarks("src/a")).toEqual([cursorAt("2")]);
  });

  test("may be a bookmark of the user's", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"
      + "src/a#mine" "src/a@1"`);
    await lab.succeed(protection("nothing"));
    lab.play(`
      - "src/a@1"
      + "src/a@2"`);
    expect((await lab.succeed(protection("nothing"))).done).toEqual(["src/a #mine → @2"]);
    expect(lab.bookmarks("src/a")).toEqual(["mine"]);
  });

  test("is the snapshot if there is a bookmark of it too, and gaps before it do not matter", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"
      + "src/a@2"
      + "src/a@3"`);
    await lab.succeed({ push: { conflict_resolution: { initial_replication: "all" } } });
    lab.play(`
      - "src/a@2"
      + "src/a@4"`);
    expect((await lab.succeed()).done).toEqual(["src/a @3 → @4"]);
  });
});

describe("SendCompleted is lost", () => {
  /** The receiver has @2, but the sender never heard of it. */
  async function lose(kind: "resumability" | "incremental"): Promise<Lab> {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"`);
    await lab.succeed(protection(kind));
    lab.play('+ "src/a@2"');
    const pushed = await lab.push({
      ...protection(kind),
      troubles: [
        {
          at: /^zfs bookmark .*#zrepl_CURSOR_G_/,
          what: { kind: "fail", stderr: "internal error: Input/output error" },
        },
      ],
    });
    expect(pushed.failures).toEqual({ "src/a": expect.stringContaining("Input/output error") });
    expect(lab.replicated("src/a")).toEqual(["1", "2"]);
    expect(lab.holds("dst/the sink/my client/src/a")).toEqual([`@2: ${LAST_RECEIVED}`]);
    return lab;
  }

  test("with guarantee_resumability @from and @to stay held, and the next run goes on", async () => {
    const lab = await lose("resumability");
    lab.play(`
      !- "src/a@1"
      !- "src/a@2"
      + "src/a@3"`);
    expect((await lab.succeed()).done).toEqual(["src/a @2 → @3"]);
    expect(lab.bookmarks("src/a")).toEqual([cursorAt("3")]);
    expect(lab.holds("src/a")).toEqual([]);
  });

  test("with guarantee_incremental they can be destroyed, and the next run goes on from the tentative cursor", async () => {
    const lab = await lose("incremental");
    lab.play(`
      - "src/a@1"
      - "src/a@2"
      + "src/a@3"`);
    const pushed = await lab.succeed(protection("incremental"));
    expect(pushed.done).toEqual([expect.stringMatching(/^src\/a #zrepl_CURSORTENTATIVE__G_\w+_J_push job → @3$/)]);
    expect(lab.bookmarks("src/a")).toEqual([cursorAt("3")]);
  });

  test("the next run moves the cursor although there is nothing to send (zrepl does not)", async () => {
    const lab = await lose("resumability");
    const pushed = await lab.succeed();
    expect(pushed.started).toEqual([]);
    expect(lab.bookmarks("src/a")).toEqual([cursorAt("2")]);
    expect(lab.holds("src/a")).toEqual([]);
  });
});

describe("healing with nothing to send", () => {
  test("puts a missing last-received hold back", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"`);
    await lab.succeed();
    lab.play(`- "dst/the sink/my client/src/a@1" "${LAST_RECEIVED}"`);
    await lab.succeed();
    expect(lab.holds("dst/the sink/my client/src/a")).toEqual([`@1: zrepl_last_received_J_${SINK_JOB}`]);
  });

  test("makes a cursor where all of the sender's are gone", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"`);
    await lab.succeed();
    for (const { name } of [...lab.dataset("src/a").bookmarks]) lab.play(`- "src/a#${name}"`);
    await lab.succeed();
    expect(lab.bookmarks("src/a")).toEqual([cursorAt("1")]);
  });

  test("a tidy filesystem is left alone", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"`);
    await lab.succeed();
    const before = lab.sim.snapshotState();
    const pushed = await lab.succeed();
    const after = JSON.parse(lab.sim.snapshotState());
    expect({ ...after, nowSec: 0 }).toEqual({ ...JSON.parse(before), nowSec: 0 });
    expect(pushed.runner.commands.filter((command) => !/^zfs (list|holds|get)/.test(command))).toEqual([]);
  });

  test("makes the cursor from whatever bookmark is left of the snapshot", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"
      + "src/a#mine" "src/a@1"`);
    await lab.succeed(protection("nothing"));
    lab.play('- "src/a@1"');
    await lab.succeed();
    expect(lab.bookmarks("src/a")).toEqual(["mine", cursorAt("1")]);
    expect((await lab.succeed()).runner.commandsOf("zfs bookmark")).toEqual([]);
  });
});

test("hundreds of steps are protected and recorded in groups", async () => {
  const snapshots = Array.from({ length: 250 }, (_, i) => `+ "src/a@${i}"`);
  const lab = new Lab(`
    + "src/a"
    ${snapshots.join("\n")}`);
  const pushed = await lab.succeed({ push: { conflict_resolution: { initial_replication: "all" } } });
  expect(pushed.done).toHaveLength(250);
  expect(lab.replicated("src/a")).toHaveLength(250);
  expect(pushed.runner.commandsOf("zfs hold zrepl_STEP").length).toBeLessThanOrEqual(3);
  expect(pushed.runner.commandsOf("zfs bookmark").length).toBeLessThanOrEqual(3);
  expect(lab.holds("src/a")).toEqual([]);
  expect(lab.bookmarks("src/a")).toEqual([cursorAt("249")]);
  expect(lab.holds("dst/the sink/my client/src/a")).toEqual([`@249: ${LAST_RECEIVED}`]);
});
