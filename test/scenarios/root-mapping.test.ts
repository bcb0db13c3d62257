import { expect, test } from "vitest";
import { restore } from "../../src/restore/run.ts";
import { invoke } from "../sim-invocation.ts";
import { configOf, Lab, RECEIVER } from "./lab.ts";

const mapping = (root_mapping: object) => ({
  sink: { recv: { placeholder: { encryption: "inherit" }, root_mapping } },
});

const SCRIPT = `
  + "src/db"
  + "src/db/pg"
  > "src/db/pg" 1M
  + "src/tmp"
  + "src/home"
  $ zfs snapshot src/db@1 src/db/pg@1 src/tmp@1 src/home@1`;

const MAPPED = mapping({ "src/db<": `${RECEIVER}/databases`, "src/tmp": "!", "<": `${RECEIVER}/all` });

test("filesystems land where they are mapped to, and go on from there", async () => {
  const lab = new Lab(SCRIPT);
  const first = await lab.succeed(MAPPED);
  expect(first.started).toHaveLength(3);
  expect(lab.received).toEqual(["all", "all/src", "all/src/home", "databases", "databases/pg"]);
  expect(lab.snapshots(`${RECEIVER}/databases/pg`)).toEqual(["1"]);
  lab.play('+ "src/db/pg@2"');
  expect((await lab.succeed(MAPPED)).started).toEqual(["src/db/pg @1 → @2"]);
  expect((await lab.succeed(MAPPED)).started).toEqual([]);
});

test("an interrupted transfer is resumed there", async () => {
  const lab = new Lab(SCRIPT);
  const once = { ...MAPPED, push: { replication: { retry: { attempts: 1 } } } };
  await lab.push({ ...once, troubles: [{ at: /zfs send .*src\/db\/pg@1/, what: { kind: "cut", bytes: 500_000 } }] });
  expect((await lab.succeed(once)).started).toEqual(["resume src/db/pg full → @1"]);
});

test("two filesystems for one place are both refused, and the others replicated", async () => {
  const lab = new Lab(SCRIPT);
  const { failures, started } = await lab.push(
    mapping({ "src/db": `${RECEIVER}/x`, "src/tmp": `${RECEIVER}/x`, "<": RECEIVER }),
  );
  const both = `recv.root_mapping leads src/db and src/tmp to the same place, ${RECEIVER}/x`;
  expect(failures).toEqual({ "src/db": both, "src/tmp": both });
  expect(started.map((step) => step.split(" ")[0]).sort()).toEqual(["src/db/pg", "src/home"]);
});

test("nothing is received outside the client's root, or without an entry", async () => {
  const lab = new Lab(SCRIPT);
  const { failures, started } = await lab.push(mapping({ "src/db<": "dst/the sink/other/db", "src/home": RECEIVER }));
  expect(started).toEqual(["src/home full → @1"]);
  expect(failures["src/db/pg"]).toBe(
    `recv.root_mapping leads src/db/pg to dst/the sink/other/db/pg, which is not below ${RECEIVER}`,
  );
  expect(failures["src/tmp"]).toBe('no entry of recv.root_mapping is for src/tmp: add one, "!" to leave it out');
});

test("what was mapped is restored", async () => {
  const lab = new Lab(SCRIPT);
  await lab.succeed(MAPPED);
  const content = lab.content("src/db/pg");
  lab.play('- "src/db"');
  const { config, job } = await configOf(MAPPED);
  const request = { filesystem: "src/db", recursive: true, ontoOriginal: false };
  const dry = await invoke({ sim: lab.sim, config, dryRun: true }, (invocation) => restore(job, request, invocation));
  expect(dry.error).toBeUndefined();
  expect(dry.stdout).toContain(`src/db/pg: from ${RECEIVER}/databases/pg`);
  expect(content).toBeDefined();
});
