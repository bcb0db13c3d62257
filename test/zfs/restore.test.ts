/** Restore drills: the sender's filesystems are destroyed, and come back from the receiver over ssh. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, test } from "vitest";
import { type TestPool, trackPools, zfs } from "./pool.ts";
import { devicesOf, property, writeRandom } from "./site.ts";
import {
  program,
  receivedBytes,
  type SshHost,
  startZreplRun,
  trackSshHosts,
  writeConfig,
  zreplRun,
} from "./ssh-host.ts";

const newPool = trackPools("all");
const newHost = trackSshHosts();
const KEEP = [{ type: "regex", regex: ".*" }];

let from: TestPool;
let to: TestPool;
let client: string;
let host: SshHost;

beforeAll(async () => {
  from = await newPool({ sizeMiB: 1024, mountpoint: true, args: ["-O", "compression=off", "-O", "atime=off"] });
  to = await newPool({ sizeMiB: 1024 });
  await zfs("create", "-o", "mountpoint=none", `${to.name}/sink`);
  const sink = (name: string, more: object) => ({
    ...{ type: "sink", name, root_fs: `${to.name}/sink`, recv: { placeholder: { encryption: "inherit" } } },
    ...more,
  });
  const server = writeConfig(to.dir, "server", {
    global: { lock_dir: join(to.dir, "lock") },
    jobs: [
      sink("sink", {
        serve: { type: "stdinserver", client_identities: ["alice"] },
        permissions: { send: true, prune: false },
      }),
      sink("deaf", { serve: { type: "stdinserver", client_identities: ["bob"] } }),
    ],
  });
  host = await newHost(
    to.dir,
    ["alice", "bob"].map((identity) => ({ identity, config: server })),
  );
  const job = (name: string, identity: string, more: object = {}) => ({
    ...{ type: "push", name, connect: host.connect(identity), snapshotting: { type: "manual" } },
    ...{ filesystems: { [`${from.name}/${name}<`]: true }, pruning: { keep_sender: KEEP, keep_receiver: KEEP } },
    replication: { retry: { attempts: 1 } },
    ...more,
  });
  client = writeConfig(from.dir, "client", {
    global: { lock_dir: join(from.dir, "lock") },
    jobs: [
      job("tree", "alice"),
      job("one", "alice"),
      job("secret", "alice", { send: { encrypted: true } }),
      job("onto", "alice"),
      job("cut", "alice"),
      job("refused", "bob"),
    ],
  });
});

const folder = (path: string) => join(from.dir, "mnt", path);

/** Checksums of all files below a folder. */
function checksums(dir: string): Record<string, string> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const hash = (file: string) => createHash("sha256").update(readFileSync(file)).digest("hex");
  return Object.fromEntries(
    files.map(({ parentPath, name }) => [join(parentPath, name).slice(dir.length), hash(join(parentPath, name))]),
  );
}

async function grow(path: string, snapshot: string, kib = 2048): Promise<void> {
  await writeRandom(join(folder(path), `file of ${snapshot}`), kib);
  await zfs("snapshot", `${from.name}/${path}@${snapshot}`);
}

async function succeed(...args: string[]): Promise<string> {
  const { exitCode, output } = await zreplRun(client, ...args);
  expect(exitCode, output).toBe(0);
  return output;
}

/** What the job's next push sends, and how much of it. */
async function nextPush(job: string): Promise<{ steps: string[]; bytes: number }> {
  const argv = [program, "-c", client, "--json", "push", job];
  const { stdout } = await execa(process.execPath, argv, { stdin: "ignore" });
  const events = stdout.split("\n").map((line) => JSON.parse(line));
  const steps = events.filter(({ event }) => event === "stepDone");
  return {
    steps: steps.map((step) => `${step.filesystem.slice(from.name.length + 1)} ${step.from ?? "full"} → ${step.to}`),
    bytes: steps.reduce((sum: number, { bytes }) => sum + bytes, 0),
  };
}

describe("over ssh", () => {
  test("a whole tree with a volume comes back, and goes on incrementally", async () => {
    await zfs("create", `${from.name}/tree`);
    await zfs("create", `${from.name}/tree/a`);
    await zfs("create", "-o", "recordsize=1M", `${from.name}/tree/a/b`);
    await zfs("create", "-V", "4M", `${from.name}/tree/vol`);
    const device = async () => (await devicesOf([`${from.name}/tree/vol`]))[0] ?? "";
    const volume = async () =>
      createHash("sha256")
        .update(readFileSync(await device()))
        .digest("hex");
    await writeRandom(await device(), 4096);
    await writeRandom(join(folder("tree/a"), "old"), 1024);
    await grow("tree/a/b", "one");
    for (const name of ["tree", "tree/a", "tree/vol"]) await zfs("snapshot", `${from.name}/${name}@one`);
    await succeed("push", "tree");
    for (const name of ["tree/a", "tree/a/b"]) await grow(name, "two");
    await succeed("push", "tree");
    const before = [checksums(folder("tree")), await volume()];

    await zfs("destroy", "-r", `${from.name}/tree`);
    const list = await succeed("restore", "tree", "--list");
    expect(list).toMatch(/tree\/a\/b, from root@127.*\n {2}.* UTC {2}@two\n {2}.* UTC {2}@one\n/);
    const plan = await succeed("restore", "tree", "--filesystem", `${from.name}/tree`, "--recursive", "-n");
    expect(plan).toMatch(/tree\/a\/b: from root@127.*\n {2}full @two \(about 4\.. MiB\)/);
    await succeed("restore", "tree", "--filesystem", `${from.name}/tree`, "--recursive");
    await zfs("mount", "-a");
    expect([checksums(folder("tree")), await volume()]).toEqual(before);

    await grow("tree/a/b", "three", 64);
    const { steps, bytes } = await nextPush("tree");
    expect(steps).toEqual(["tree/a/b @two → @three"]);
    expect(bytes).toBeLessThan(500_000);
  });

  test("one filesystem comes back beside the original, as it was", async () => {
    await zfs("create", `${from.name}/one`);
    await grow("one", "first");
    const then = checksums(folder("one"));
    await grow("one", "second");
    await succeed("push", "one");
    await zfs("rollback", `${from.name}/one@second`);
    const { exitCode, output } = await zreplRun(client, "restore", "one", "--filesystem", `${from.name}/one`);
    expect({ exitCode, output }).toMatchObject({
      exitCode: 0,
      output: expect.stringContaining("is there already, at @second"),
    });
    // an initial push sends the newest only
    await zfs("destroy", `${from.name}/one@first`);
    await grow("one", "third");
    await succeed("push", "one");
    const args = ["restore", "one", "--filesystem", `${from.name}/one`, "--snapshot", "@second"];
    const refused = await zreplRun(client, ...args);
    expect(refused).toMatchObject({ exitCode: 1 });
    expect(refused.output).toContain(
      "exists with 1 snapshot since @second, the first of them @third; restore beside it",
    );
    await succeed(...args, "--to", `${from.name}/one-then`);
    await zfs("mount", `${from.name}/one-then`);
    expect(checksums(folder("one-then"))).toMatchObject(then);
    expect(Object.keys(checksums(folder("one-then"))).sort()).toEqual(["/file of first", "/file of second"]);
    expect((await nextPush("one")).steps).toEqual([]);
  });

  test("an encrypted filesystem comes back as it is, encrypted", async () => {
    const key = join(from.dir, "key");
    writeFileSync(key, Buffer.alloc(32, 7));
    const encryption = ["-o", "encryption=on", "-o", "keyformat=raw", "-o", `keylocation=file://${key}`];
    await zfs("create", ...encryption, `${from.name}/secret`);
    await zfs("create", `${from.name}/secret/child`);
    for (const path of ["secret", "secret/child"]) await grow(path, "one");
    await succeed("push", "secret");
    const before = checksums(folder("secret"));
    await zfs("destroy", "-r", `${from.name}/secret`);
    await succeed("restore", "secret", "--filesystem", `${from.name}/secret`, "--recursive");
    expect(await property(`${from.name}/secret`, "keystatus")).toBe("unavailable");
    for (const path of ["secret", "secret/child"]) await zfs("load-key", "-L", `file://${key}`, `${from.name}/${path}`);
    for (const path of ["secret", "secret/child"]) await zfs("mount", `${from.name}/${path}`);
    expect(checksums(folder("secret"))).toEqual(before);
    await grow("secret/child", "two", 64);
    const { steps, bytes } = await nextPush("secret");
    expect(steps).toEqual(["secret/child @one → @two"]);
    expect(bytes).toBeLessThan(500_000);
  });

  test("an original goes on from its newest snapshot, mounted as it is", async () => {
    const mountpoint = join(from.dir, "elsewhere");
    await zfs("create", "-o", `mountpoint=${mountpoint}`, `${from.name}/onto`);
    const grown = async (snapshot: string) => {
      await writeRandom(join(mountpoint, snapshot), 512);
      await zfs("snapshot", `${from.name}/onto@${snapshot}`);
    };
    await grown("one");
    await grown("two");
    await succeed("push", "onto");
    await grown("three");
    await grown("four");
    await succeed("push", "onto");
    const before = checksums(mountpoint);
    await zfs("rollback", "-r", `${from.name}/onto@two`);
    const args = ["restore", "onto", "--filesystem", `${from.name}/onto`];
    const refused = await zreplRun(client, ...args);
    expect(refused).toMatchObject({ exitCode: 1 });
    expect(refused.output).toContain("or bring it from @two to @four with --onto-original");
    await succeed(...args, "--onto-original");
    expect(await property(`${from.name}/onto`, "mountpoint")).toBe(mountpoint);
    expect(checksums(mountpoint)).toEqual(before);
    expect((await nextPush("onto")).steps).toEqual([]);
    await writeRandom(join(mountpoint, "one"), 64);
    await zfs("destroy", `${from.name}/onto@four`);
    const changed = await zreplRun(client, ...args, "--onto-original");
    expect(changed).toMatchObject({ exitCode: 1, output: expect.stringContaining("written since @three") });
  });

  test("an interrupted restore is resumed", async () => {
    await zfs("create", `${from.name}/cut`);
    await grow("cut", "one", 96 * 1024);
    await succeed("push", "cut");
    const before = checksums(folder("cut"));
    await zfs("destroy", "-r", `${from.name}/cut`);
    const args = ["restore", "cut", "--filesystem", `${from.name}/cut`];
    const running = startZreplRun(client, ...args);
    await receivedBytes(`${from.name}/cut`, 8 << 20);
    running.kill("SIGKILL");
    await running;
    expect(await property(`${from.name}/cut`, "receive_resume_token")).not.toBe("-");
    const output = await succeed(...args);
    expect(output).toContain("resuming full @one");
    await zfs("mount", `${from.name}/cut`);
    expect(checksums(folder("cut"))).toEqual(before);
    expect((await nextPush("cut")).steps).toEqual([]);
  });

  test("a sink that does not allow it gives nothing back", async () => {
    await zfs("create", `${from.name}/refused`);
    await grow("refused", "one", 64);
    await succeed("push", "refused");
    for (const what of [["--list"], ["--filesystem", `${from.name}/refused`]]) {
      const { exitCode, output } = await zreplRun(client, "restore", "refused", ...what);
      expect(exitCode).toBe(1);
      expect(output).toContain("the sink job deaf does not allow its clients to read anything");
      expect(output).toContain("permissions: {send: false}");
    }
  });
});
