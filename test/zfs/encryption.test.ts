import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cutAfter, tokenContents } from "./cut.ts";
import { sendReceive, zfs } from "./pool.ts";
import {
  bookmarksOf,
  type Ended,
  eventsOf,
  holdsBelow,
  lines,
  PUSH_JOB,
  property,
  type Site,
  snapshotsOf,
  trackSites,
} from "./site.ts";

const newSite = trackSites(1024);
/** No second attempt inside a run: an interrupted one ends there. */
const ONCE = { replication: { retry: { attempts: 1, backoff: "0s" } } };
/** A stream of 2 MiB is cut in its middle. */
const CUT = 900_000;

/** Options of `zfs create` that make an encryption root. */
function keyOptions(site: Site): string[] {
  const file = join(site.src.dir, "key"); // no blanks: it is part of a URL
  writeFileSync(file, Buffer.alloc(32, 7));
  return ["-o", "encryption=on", "-o", "keyformat=raw", "-o", `keylocation=file://${file}`];
}

/** Writes 2 MiB and takes a snapshot. */
async function grow(site: Site, path: string, snapshot: string): Promise<void> {
  await site.write(path, `file of ${snapshot}`, 2048);
  await zfs("snapshot", `${site.fs(path)}@${snapshot}`);
}

function failures(ended: Ended): { filesystem: string; message: string; hint?: string }[] {
  return eventsOf(ended, "filesystemFailed");
}

/** Whether the receiver's newest snapshot has the sender's content. */
async function expectSameContent(site: Site, path: string, snapshot: string): Promise<void> {
  const replica = site.replica(path);
  const mountpoint = join(site.dir, `check ${path.replaceAll("/", "-")} ${snapshot}`);
  if ((await property(replica, "keystatus")) === "unavailable")
    await zfs("load-key", "-L", `file://${join(site.src.dir, "key")}`, replica);
  const clone = `${site.dstRoot}/check`;
  await zfs("clone", "-o", `mountpoint=${mountpoint}`, `${replica}@${snapshot}`, clone);
  try {
    const file = `file of ${snapshot}`;
    expect(readFileSync(join(mountpoint, file)).equals(readFileSync(join(site.mountpoint(path), file)))).toBe(true);
  } finally {
    await zfs("destroy", clone);
  }
}

describe("the encryption matrix (zrepl-behaviour.md §4.7), initial and incremental, each interrupted and resumed", () => {
  test.each`
    fsEncrypted | encrypted | raw      | onReceiver
    ${false}    | ${false}  | ${false} | ${"off"}
    ${false}    | ${false}  | ${true}  | ${"off"}
    ${true}     | ${false}  | ${false} | ${"off"}
    ${true}     | ${true}   | ${false} | ${"aes-256-gcm"}
    ${true}     | ${true}   | ${true}  | ${"aes-256-gcm"}
  `("accepted: filesystem encrypted $fsEncrypted, encrypted $encrypted, raw $raw", async (row) => {
    const site = await newSite({ push: { ...ONCE, send: { encrypted: row.encrypted, raw: row.raw } } });
    await zfs("create", ...(row.fsEncrypted ? keyOptions(site) : []), site.fs("a"));
    for (const snapshot of ["1", "2"]) {
      await grow(site, "a", snapshot);
      expect((await site.run(["push", PUSH_JOB], await cutAfter(site, CUT))).exitCode).toBe(1);
      const token = await tokenContents(await property(site.replica("a"), "receive_resume_token"));
      expect(token["toname"]).toBe(`${site.fs("a")}@${snapshot}`);
      expect(token["rawok"] === "1").toBe(row.fsEncrypted && row.encrypted);
      const ended = await site.succeed(["push", PUSH_JOB]);
      expect(eventsOf(ended, "stepStarted").map(({ resumed }) => resumed)).toEqual([true]);
    }
    expect(await snapshotsOf(site.replica("a"))).toEqual(["1", "2"]);
    expect(await property(site.replica("a"), "encryption")).toBe(row.onReceiver);
    await expectSameContent(site, "a", "2");
    expect(await holdsBelow(site.srcRoot)).toEqual([]);
    expect(await bookmarksOf(site.fs("a"))).toHaveLength(1);
  });

  test.each`
    fsEncrypted | encrypted | raw      | message
    ${false}    | ${true}   | ${false} | ${/^encrypted send mandated by policy, but filesystem ".*\/a" is not encrypted$/}
    ${false}    | ${true}   | ${true}  | ${/^encrypted send mandated by policy, but filesystem ".*\/a" is not encrypted$/}
    ${true}     | ${false}  | ${true}  | ${/^policy mandates raw\+unencrypted sends, but filesystem ".*\/a" is encrypted$/}
  `("rejected in planning: filesystem encrypted $fsEncrypted, encrypted $encrypted, raw $raw", async (row) => {
    const site = await newSite();
    const refuse = { push: { ...ONCE, send: { encrypted: row.encrypted, raw: row.raw } } };
    await zfs("create", ...(row.fsEncrypted ? keyOptions(site) : []), site.fs("a"));
    // initial; incremental; with an interrupted receive of another policy there
    for (const state of ["initial", "incremental", "interrupted"]) {
      await grow(site, "a", state);
      if (state === "interrupted") await site.run(["push", PUSH_JOB], await cutAfter(site, CUT));
      site.configure(refuse);
      const before = await site.everything();
      for (const args of [
        ["push", PUSH_JOB],
        ["--dry-run", "push", PUSH_JOB],
      ]) {
        const ended = await site.run(args);
        expect(ended.exitCode).toBe(1);
        expect(eventsOf(ended, "stepStarted")).toEqual([]);
        const dry = eventsOf(ended, "plannedConflict").map(({ conflict }) => conflict);
        expect([...failures(ended).map(({ message }) => message), ...dry][0]).toMatch(row.message);
      }
      expect(await site.everything()).toBe(before);
      site.configure({ push: ONCE });
      if (state === "initial") await site.succeed(["push", PUSH_JOB]);
    }
  });
});

describe("an encrypted filesystem", () => {
  test("is sent raw with its key not loaded, initially and incrementally", async () => {
    const site = await newSite({ push: { send: { encrypted: true } } });
    await zfs("create", ...keyOptions(site), site.fs("a"));
    await grow(site, "a", "1");
    await grow(site, "a", "2");
    await zfs("unmount", site.fs("a"));
    await zfs("unload-key", site.fs("a"));
    site.configure({ push: { send: { encrypted: true }, conflict_resolution: { initial_replication: "all" } } });
    await site.succeed(["push", PUSH_JOB]);
    expect(await snapshotsOf(site.replica("a"))).toEqual(["1", "2"]);
    expect(await property(site.replica("a"), "keystatus")).toBe("unavailable");
    expect(await property(site.fs("a"), "keystatus")).toBe("unavailable");
  });

  test("can't be sent decrypted with its key not loaded; the message says what to do, and that works", async () => {
    const site = await newSite({ push: ONCE });
    await zfs("create", ...keyOptions(site), site.fs("a"));
    await grow(site, "a", "1");
    await zfs("unmount", site.fs("a"));
    await zfs("unload-key", site.fs("a"));
    const ended = await site.run(["push", PUSH_JOB]);
    expect(ended.exitCode).toBe(1);
    const [failure] = failures(ended);
    expect(failure?.message).toMatch(/dataset key must be loaded/);
    expect(failure?.hint).toMatch(/zfs load-key.*send\.encrypted: true/);
    expect(lines(await zfs("list", "-Hr", "-o", "name", site.dstRoot)).at(-1)).not.toMatch(/\/a$/);

    await zfs("load-key", site.fs("a"));
    await site.succeed(["push", PUSH_JOB]);
    expect(await snapshotsOf(site.replica("a"))).toEqual(["1"]);
    expect(await holdsBelow(site.srcRoot)).toEqual([]);
  });

  test("does not go with properties unless raw; the message says so", async () => {
    const site = await newSite({ push: { ...ONCE, send: { send_properties: true } } });
    await zfs("create", ...keyOptions(site), "-o", "test:x=1", site.fs("a"));
    await grow(site, "a", "1");
    const [failure] = failures(await site.run(["push", PUSH_JOB]));
    expect(failure?.message).toMatch(/may not be sent with properties without the raw flag/);
    expect(failure?.hint).toMatch(/send\.encrypted: true/);
    site.configure({ push: { ...ONCE, send: { send_properties: true, encrypted: true } } });
    await site.succeed(["push", PUSH_JOB]);
    expect(await property(site.replica("a"), "test:x")).toBe("1");
  });

  test("whose interrupted send was raw is not continued when the policy says plain, and the other way round", async () => {
    for (const first of [true, false]) {
      const site = await newSite({ push: { ...ONCE, send: { encrypted: first } } });
      await zfs("create", ...keyOptions(site), site.fs("a"));
      await grow(site, "a", "1");
      await site.run(["push", PUSH_JOB], await cutAfter(site, CUT));
      expect(await property(site.replica("a"), "receive_resume_token")).toMatch(/^1-/);
      site.configure({ push: { ...ONCE, send: { encrypted: !first } } });
      const ended = await site.succeed(["push", PUSH_JOB]);
      expect(eventsOf(ended, "stepStarted").map(({ resumed }) => resumed)).toEqual([false]);
      expect(await property(site.replica("a"), "encryption")).toBe(first ? "off" : "aes-256-gcm");
    }
  });
});

describe("a receiver under an encrypted root", () => {
  async function encryptedRoot(more: { push?: object; recv?: object } = {}): Promise<Site> {
    const recv = { placeholder: { encryption: "inherit" }, ...more.recv };
    const site = await newSite({ push: { ...ONCE, ...more.push }, sink: { recv } });
    await zfs("destroy", site.rootFs);
    await zfs("create", ...keyOptions(site), site.rootFs);
    return site;
  }

  test("with placeholders that inherit takes plain streams into its own encryption, resumed ones too", async () => {
    const site = await encryptedRoot();
    await zfs("create", "-p", site.fs("p/a"));
    for (const snapshot of ["1", "2"]) {
      await grow(site, "p/a", snapshot);
      expect((await site.run(["push", PUSH_JOB], await cutAfter(site, CUT))).exitCode).toBe(3); // p has nothing to send
      await site.succeed(["push", PUSH_JOB]);
    }
    for (const path of ["p", "p/a"]) expect(await property(site.replica(path), "encryptionroot")).toBe(site.rootFs);
    await expectSameContent(site, "p/a", "2");
  });

  test("keeps raw streams under their own key", async () => {
    const site = await encryptedRoot({ push: { send: { encrypted: true } } });
    await zfs("create", ...keyOptions(site), site.fs("a"));
    await zfs("create", site.fs("a/b"));
    await grow(site, "a", "1");
    await grow(site, "a/b", "1");
    await site.succeed(["push", PUSH_JOB]);
    expect(await property(site.replica("a"), "encryptionroot")).toBe(site.replica("a"));
    expect(await property(site.replica("a/b"), "encryptionroot")).toBe(site.replica("a/b"));
    await expectSameContent(site, "a", "1");
  });

  test("needs its key for plain streams, and says so", async () => {
    const site = await encryptedRoot();
    await zfs("create", site.fs("a"));
    await grow(site, "a", "1");
    await site.succeed(["push", PUSH_JOB]);
    await grow(site, "a", "2");
    await zfs("unload-key", "-r", site.rootFs);
    const [failure] = failures(await site.run(["push", PUSH_JOB]));
    expect(failure?.message).toMatch(/inherited key must be loaded/);
    expect(failure?.hint).toMatch(/zfs load-key/);
    await zfs("load-key", site.rootFs);
    await site.succeed(["push", PUSH_JOB]);
    expect(await snapshotsOf(site.replica("a"))).toEqual(["1", "2"]);
  });

  test("takes streams with properties into its encryption only with recv.properties.inherit: [encryption]", async () => {
    for (const inherit of [[], ["encryption"]]) {
      const site = await encryptedRoot({
        push: { send: { send_properties: true } },
        recv: { properties: { inherit } },
      });
      await zfs("create", site.fs("a"));
      for (const snapshot of ["1", "2"]) {
        await grow(site, "a", snapshot);
        await site.run(["push", PUSH_JOB], await cutAfter(site, CUT));
        await site.succeed(["push", PUSH_JOB]);
      }
      expect(await property(site.replica("a"), "encryption")).toBe(inherit.length === 0 ? "off" : "aes-256-gcm");
    }
  });
});

describe("a placeholder whose encryption differs from the stream's", () => {
  test("and that is empty makes way in the same run", async () => {
    const site = await newSite({ push: { send: { encrypted: true }, replication: { retry: { backoff: "0s" } } } });
    await zfs("create", ...keyOptions(site), site.fs("a"));
    await grow(site, "a", "1");
    await zfs("create", "-p", "-o", "mountpoint=none", site.replica("a"));
    await zfs("set", "zrepl:placeholder=on", site.replica("a"));
    await site.succeed(["push", PUSH_JOB]);
    expect(await snapshotsOf(site.replica("a"))).toEqual(["1"]);
    expect(await property(site.replica("a"), "encryption")).toBe("aes-256-gcm");
    expect(await property(site.replica("a"), "zrepl:placeholder")).toBe("-");
  });

  test("and that has children stays with all of them; the advice works and sends nothing twice", async () => {
    const site = await newSite({ push: { ...ONCE, send: { encrypted: true } } });
    await zfs("create", ...keyOptions(site), site.fs("a"));
    await zfs("create", site.fs("a/b"));
    await grow(site, "a/b", "1");
    await site.succeed(["push", PUSH_JOB]);
    await grow(site, "a", "2");
    const before = lines(await zfs("list", "-Hpr", "-t", "all", "-o", "name,guid", site.dstRoot));
    const ended = await site.run(["push", PUSH_JOB]);
    expect(ended.exitCode).toBe(3);
    const [failure] = failures(ended);
    expect(failure?.message).toMatch(/cannot be used to destroy an encrypted filesystem/);
    expect(lines(await zfs("list", "-Hpr", "-t", "all", "-o", "name,guid", site.dstRoot))).toEqual(before);
    expect(await property(site.replica("a"), "zrepl:placeholder")).toBe("on");

    const [placeholder, beside] = [site.replica("a"), `${site.replica("a")}.new`];
    expect(failure?.hint).toMatch(/zfs recv -u .*\.new; zfs rename .*; zfs destroy .*; zfs rename /);
    await sendReceive(["-w", `${site.fs("a")}@2`], ["-u", beside]);
    await zfs("rename", `${placeholder}/b`, `${beside}/b`);
    await zfs("destroy", placeholder);
    await zfs("rename", beside, placeholder);
    await grow(site, "a", "3");
    await grow(site, "a/b", "3");
    const again = await site.succeed(["push", PUSH_JOB]);
    expect(eventsOf(again, "stepDone").map(({ from, to }) => `${from} ${to}`)).toEqual(["@2 @3", "@1 @3"]);
    await expectSameContent(site, "a", "3");
  });
});

describe("bandwidth_limit", () => {
  test.each(["send", "recv"])("of %s slows a stream down, which arrives whole", async (side) => {
    const limit = { bandwidth_limit: { max: "1 MiB" } };
    const sink = { recv: { placeholder: { encryption: "inherit" }, ...(side === "recv" ? limit : {}) } };
    const site = await newSite({ push: side === "send" ? { send: limit } : {}, sink });
    await zfs("create", site.fs("a"));
    await grow(site, "a", "1");
    const slow = await site.succeed(["push", PUSH_JOB]);
    expect(eventsOf(slow, "stepDone")[0]?.seconds).toBeGreaterThan(1.6); // 2 MiB less the bucket of 128 KiB
    await expectSameContent(site, "a", "1");
  });
});

describe("the flags of send, each end to end", () => {
  /** Replicates 2 MiB in two parts; tells what the token of the first part allowed. */
  async function send(options: object, prepare: (site: Site) => Promise<void> = async () => undefined) {
    const site = await newSite({ push: { ...ONCE, send: options } });
    await zfs("create", "-o", "recordsize=1M", "-o", "compression=lz4", "-o", "test:user=sender", site.fs("a"));
    await prepare(site);
    await grow(site, "a", "1");
    await site.run(["push", PUSH_JOB], await cutAfter(site, 1_500_000));
    const token = await tokenContents(await property(site.replica("a"), "receive_resume_token"));
    await site.succeed(["push", PUSH_JOB]);
    await grow(site, "a", "2");
    await site.succeed(["push", PUSH_JOB]);
    await expectSameContent(site, "a", "2");
    return { site, token };
  }

  test("none: a plain stream", async () => {
    const { site, token } = await send({});
    expect([token["largeblockok"], token["compressok"], token["embedok"]]).toEqual([undefined, undefined, undefined]);
    expect(await property(site.replica("a"), "test:user")).toBe("-");
  });

  test.each`
    option             | inToken
    ${"large_blocks"}  | ${"largeblockok"}
    ${"compressed"}    | ${"compressok"}
    ${"embedded_data"} | ${"embedok"}
  `("$option", async ({ option, inToken }) => {
    const { token } = await send({ [option]: true });
    expect(token[inToken]).toBe("1");
  });

  test("send_properties: also of a send that was interrupted", async () => {
    const { site } = await send({ send_properties: true });
    expect(await property(site.replica("a"), "test:user")).toBe("sender");
    expect(await property(site.replica("a"), "recordsize")).toBe(String(1 << 20));
  });

  test("backup_properties: the received values, not the sender's own", async () => {
    const site = await newSite({ push: { ...ONCE, send: { backup_properties: true } } });
    const origin = `${site.dstRoot}/origin`;
    await zfs("create", "-o", "test:user=origin", origin);
    await zfs("snapshot", `${origin}@1`);
    await sendReceive(["-p", `${origin}@1`], ["-u", site.fs("a")]);
    await zfs("set", "test:user=local", site.fs("a"));
    await site.succeed(["push", PUSH_JOB]);
    expect(await property(site.replica("a"), "test:user")).toBe("origin");
  });

  test("saved changes nothing: zfs sends no snapshot with -S", async () => {
    const { site } = await send({ saved: true });
    expect(await snapshotsOf(site.replica("a"))).toEqual(["1", "2"]);
  });

  test("all together, raw", async () => {
    const site = await newSite({
      push: {
        ...ONCE,
        send: {
          encrypted: true,
          raw: true,
          send_properties: true,
          large_blocks: true,
          compressed: true,
          embedded_data: true,
        },
      },
    });
    await zfs("create", ...keyOptions(site), site.fs("a"));
    for (const snapshot of ["1", "2"]) {
      await grow(site, "a", snapshot);
      await site.run(["push", PUSH_JOB], await cutAfter(site, CUT));
      await site.succeed(["push", PUSH_JOB]);
    }
    await expectSameContent(site, "a", "2");
  });
});
