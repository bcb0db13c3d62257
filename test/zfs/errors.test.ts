import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ZfsCommandError, type ZfsErrorReason } from "../../src/zfs/errors.ts";
import { createRunner, type Runner } from "../../src/zfs/runner.ts";
import { type TestPool, trackPools, zfs } from "./pool.ts";
import { writeRandom } from "./site.ts";

const newPool = trackPools("all");
const abort = new AbortController();
const runner: Runner = createRunner({ signal: abort.signal, env: process.env });
const NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];
let pool: TestPool;
let src = "";
let dst = "";

/** Streams by name, in files. */
const stream = (name: string) => join(pool.dir, name);

/**
 * `src/a b`: @1, @2, @3 and #1; @3 has a hold, @2 a clone. `dst/copy` has @1, `dst/locked` is encrypted and its key is
 * not loaded, `dst/small` can hold 1 MiB.
 */
beforeAll(async () => {
  pool = await newPool({ mountpoint: true, args: ["-O", "compression=off"] });
  src = `${pool.name}/src/a b`;
  dst = `${pool.name}/dst`;
  await zfs("create", "-p", src);
  await zfs("create", `${src}/child`);
  await zfs("create", dst);
  for (const name of ["1", "2", "3"]) {
    await writeRandom(join(pool.dir, "mnt/src/a b", name), 1500);
    await zfs("snapshot", `${src}@${name}`);
  }
  await zfs("bookmark", `${src}@1`, `${src}#1`);
  await zfs("hold", "tag one", `${src}@3`);
  await zfs("clone", `${src}@2`, `${pool.name}/clone`);
  const save = async (name: string, args: string) => {
    const script = `zfs send ${args} | cat >'${stream(name)}'`;
    await execa("bash", ["-c", script, "bash", src]);
  };
  await save("full", '"$1@1"');
  await save("increment", '-i @1 "$1@2"');
  await save("late increment", '-i @2 "$1@3"');
  await execa("bash", [
    "-c",
    `head -c 1000000 '${stream("full")}' >'${stream("cut")}'; head -c 100000 /dev/urandom >'${stream("noise")}'`,
  ]);
  writeFileSync(stream("empty"), "");
  await execa("bash", ["-c", `cat '${stream("full")}' | zfs recv -u '${dst}/copy@1'`]);
  writeFileSync(stream("key"), "k".repeat(32));
  const key = ["-o", "encryption=on", "-o", "keyformat=raw", "-o", `keylocation=file://${stream("key")}`];
  await zfs("create", ...key, `${dst}/locked`);
  await zfs("snapshot", `${dst}/locked@1`);
  await execa("bash", ["-c", `zfs send -w '${dst}/locked@1' | cat >'${stream("raw")}'`]);
  await zfs("unmount", `${dst}/locked`);
  await zfs("unload-key", `${dst}/locked`);
  await zfs("create", "-o", "quota=1M", `${dst}/small`);
});

afterAll(() => abort.abort(new Error("the tests are over")));

async function failureOf(argv: readonly string[]): Promise<ZfsCommandError> {
  const result = await runner.run(argv);
  expect(result.exitCode, argv.join(" ")).not.toBe(0);
  return new ZfsCommandError(argv, result);
}

/** A receive of one of the streams. */
async function receiveFailure(file: string, args: readonly string[]): Promise<ZfsCommandError> {
  const argv = ["zfs", "recv", "-u", ...args];
  const source = { kind: "command", argv: ["cat", stream(file)] } as const;
  const { sink } = await runner.transfer(source, { kind: "command", argv });
  if (sink === undefined) throw new Error("a command has a result");
  expect(sink.exitCode, argv.join(" ")).not.toBe(0);
  return new ZfsCommandError(argv, sink);
}

describe("what real OpenZFS says is understood", () => {
  test.each<[ZfsErrorReason | RegExp, string, () => string[]]>([
    ["does-not-exist", "a filesystem", () => ["zfs", "list", `${dst}/nope`]],
    ["does-not-exist", "a pool", () => ["zfs", "list", "zrtest-nope"]],
    ["does-not-exist", "a pool, asked of zpool", () => ["zpool", "list", "zrtest-nope"]],
    ["does-not-exist", "a snapshot to be destroyed", () => ["zfs", "destroy", `${src}@nope`]],
    ["does-not-exist", "a snapshot to be held", () => ["zfs", "hold", "t", `${src}@nope`]],
    ["does-not-exist", "a bookmark to be destroyed", () => ["zfs", "destroy", `${src}#nope`]],
    ["does-not-exist", "a snapshot to be bookmarked", () => ["zfs", "bookmark", `${src}@nope`, `${src}#b`]],
    ["does-not-exist", "the base of a send", () => ["zfs", "send", "-nvP", "-i", `${src}@nope`, `${src}@2`]],
    ["does-not-exist", "a filesystem to be snapshotted", () => ["zfs", "snapshot", `${dst}/nope@1`]],
    ["exists", "a snapshot", () => ["zfs", "snapshot", `${src}@1`]],
    ["exists", "a bookmark", () => ["zfs", "bookmark", `${src}@2`, `${src}#1`]],
    ["exists", "a filesystem", () => ["zfs", "create", dst]],
    [/^(busy|held)$/, "a held snapshot is destroyed", () => ["zfs", "destroy", `${src}@3`]],
    [/^(busy|held)$/, "a held snapshot is destroyed among others", () => ["zfs", "destroy", `${src}@1,3`]],
    ["has-clones", "a cloned snapshot is destroyed", () => ["zfs", "destroy", `${src}@2`]],
    ["has-children", "a filesystem with children is destroyed", () => ["zfs", "destroy", src]],
    ["permission", "nobody takes a snapshot", () => [...NOBODY, "zfs", "snapshot", `${src}@4`]],
    ["permission", "nobody puts a hold", () => [...NOBODY, "zfs", "hold", "t", `${src}@1`]],
    ["permission", "nobody releases", () => [...NOBODY, "zfs", "release", "tag one", `${src}@3`]],
    ["permission", "nobody destroys", () => [...NOBODY, "zfs", "destroy", `${src}@1`]],
    ["permission", "nobody makes a bookmark", () => [...NOBODY, "zfs", "bookmark", `${src}@1`, `${src}#2`]],
    ["permission", "nobody makes a filesystem", () => [...NOBODY, "zfs", "create", `${dst}/x`]],
    ["tag-exists", "a hold again", () => ["zfs", "hold", "tag one", `${src}@3`]],
    ["tag-missing", "a release of no hold", () => ["zfs", "release", "tag two", `${src}@3`]],
    ["no-resume-state", "nothing to abort", () => ["zfs", "recv", "-A", `${dst}/copy`]],
    ["token-corrupt", "no token at all", () => ["zfs", "send", "-t", "garbage"]],
    ["token-corrupt", "a token with a wrong checksum", () => ["zfs", "send", "-nvP", "-t", "1-abc-def"]],
    ["key-not-loaded", "a send of a filesystem whose key is not loaded", () => ["zfs", "send", `${dst}/locked@1`]],
    ["key-not-loaded", "a filesystem below it", () => ["zfs", "create", `${dst}/locked/x`]],
    ["unknown", "bad usage", () => ["zfs", "snapshot"]],
    ["unknown", "a name that no dataset can have", () => ["zfs", "list", "bad|name"]],
  ])("%s: %s", async (reason, _, argv) => {
    const error = await failureOf(argv());
    expect(error.reason, error.message).toMatch(reason);
    expect(error.temporary).toBe(error.reason === "busy");
  });

  test.each<[ZfsErrorReason, string, string, () => string[]]>([
    ["no-space", "more than the quota", "full", () => ["-s", `${dst}/small/x@1`]],
    ["destination-exists", "a full stream into a filesystem with snapshots", "full", () => [`${dst}/copy@9`]],
    ["destination-exists", "even with force", "full", () => ["-F", `${dst}/copy@9`]],
    ["destination-missing", "an increment into nothing", "increment", () => [`${dst}/none@2`]],
    ["destination-missing", "below a parent that is not there", "full", () => [`${dst}/no/parent@1`]],
    ["no-common-snapshot", "an increment from another snapshot", "late increment", () => [`${dst}/copy@3`]],
    ["stream-cut", "a cut stream", "cut", () => [`${dst}/cut@1`]],
    ["stream-cut", "an empty stream", "empty", () => ["-s", `${dst}/cut@1`]],
    ["stream-invalid", "noise", "noise", () => [`${dst}/cut@1`]],
    ["resume-state-available", "a cut stream that can be resumed", "cut", () => ["-s", `${dst}/partial@1`]],
    ["destination-exists", "another stream into it", "full", () => ["-s", `${dst}/partial@1`]],
    ["encryption-mismatch", "an encrypted stream over a filesystem", "raw", () => ["-F", `${dst}/small@1`]],
  ])("%s: receiving %s", async (reason, _, file, args) => {
    const error = await receiveFailure(file, args());
    expect(error.reason, error.message).toBe(reason);
    expect(error.temporary).toBe(reason === "stream-cut" || reason === "resume-state-available");
  });

  test("destination-modified: an increment into a filesystem that was written to", async () => {
    await zfs("mount", `${dst}/copy`);
    writeFileSync(join(pool.dir, "mnt/dst/copy/new"), "new");
    await execa("sync", ["-f", join(pool.dir, "mnt/dst/copy")]);
    await zfs("unmount", `${dst}/copy`);
    const error = await receiveFailure("increment", [`${dst}/copy@2`]);
    expect(error.reason, error.message).toBe("destination-modified");
    await zfs("rollback", `${dst}/copy@1`);
  });

  test("permission: nobody receives", async () => {
    const argv = [...NOBODY, "zfs", "recv", "-u", `${dst}/x@1`];
    const { sink } = await runner.transfer(
      { kind: "command", argv: ["cat", stream("full")] },
      { kind: "command", argv },
    );
    expect(sink && new ZfsCommandError(argv, sink).reason).toBe("permission");
  });

  test("killed: a command that was ended by a signal", async () => {
    const argv = ["sh", "-c", "kill -9 $$"];
    const error = new ZfsCommandError(argv, await runner.run(argv));
    expect([error.reason, error.temporary]).toEqual(["killed", true]);
  });

  test("the message is what zfs said, on one line, without its usage", async () => {
    expect((await failureOf(["zfs", "destroy", `${src}@2`])).message).toBe(
      `cannot destroy '${src}@2': snapshot has dependent clones; use '-R' to destroy the following datasets:; ${pool.name}/clone (zfs destroy: exit status 1)`,
    );
    const usage = await failureOf(["zfs", "bookmark", `${src}@nope`, `${src}#b`]);
    expect(usage.message).toBe(`cannot open '${src}@nope': dataset does not exist (zfs bookmark: exit status 2)`);
  });
});
