import { describe, expect, test } from "vitest";
import { cursorAt, cutAfter, Lab, ONE_ATTEMPT, PULL_JOB, SOURCE_JOB } from "./lab.ts";

const ROOT = "dst/the sink";

describe("a pull", () => {
  test("maps without a client's identity; each side's marks have its own job's name", async () => {
    const lab = new Lab(`
      + "src/a b"
      + "src/a b@1"`);
    await lab.succeed({ pull: {} });
    expect(lab.snapshots(`${ROOT}/src/a b`)).toEqual(["1"]);
    expect(lab.bookmarks("src/a b")).toEqual([cursorAt("1", SOURCE_JOB)]);
    expect(lab.holds(`${ROOT}/src/a b`)).toEqual([`@1: zrepl_last_received_J_${PULL_JOB}`]);
  });

  test("protects its steps with the source's name, and resumes", async () => {
    const lab = new Lab(`
      + "src/a"
      > "src/a" 3M
      + "src/a@1"`);
    await lab.push({ pull: { replication: ONE_ATTEMPT }, ...cutAfter(1 << 20) });
    expect(lab.holds("src/a")).toEqual([`@1: zrepl_STEP_J_${SOURCE_JOB}`]);
    const pulled = await lab.succeed({ pull: {} });
    expect(pulled.started).toEqual(["resume src/a full → @1"]);
    expect(lab.holds("src/a")).toEqual([]);
  });

  test("leaves the marks of a push of the same filesystems alone, and the other way round", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"`);
    await lab.succeed();
    await lab.succeed({ pull: {} });
    lab.play('+ "src/a@2"');
    await lab.succeed({ pull: {} });
    expect(lab.bookmarks("src/a")).toEqual([cursorAt("1"), cursorAt("2", SOURCE_JOB)].sort());
    await lab.succeed();
    expect(lab.bookmarks("src/a")).toEqual([cursorAt("2"), cursorAt("2", SOURCE_JOB)].sort());
  });

  test("uses the source's rules for sending and its own for receiving", async () => {
    const lab = new Lab(`
      + "src/a" test:x=1
      + "src/a@1"
      + "src/e" encryption=on keyformat=passphrase
      + "src/e@1"`);
    const pulled = await lab.push({
      source: { send: { encrypted: true, send_properties: true } },
      pull: { recv: { placeholder: { encryption: "off" }, properties: { override: { "test:y": "2" } } } },
    });
    expect(Object.keys(pulled.failures)).toEqual(["src/a"]);
    expect(lab.dataset(`${ROOT}/src/e`).props["test:y"]?.local).toBe("2");
    expect(lab.dataset(`${ROOT}/src/e`).encryption).not.toBe(null);
  });

  test("needs its root_fs", async () => {
    const lab = new Lab('- "dst/the sink"');
    expect((await lab.push({ pull: {} })).error?.message).toBe('root_fs "dst/the sink" does not exist');
  });
});
