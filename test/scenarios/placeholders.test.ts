import { describe, expect, test } from "vitest";
import { CLIENT, LAST_RECEIVED, Lab, ONE_ATTEMPT, protection, RECEIVER } from "./lab.ts";

const MARK = "zrepl:placeholder";

function isPlaceholder(lab: Lab, name: string): boolean {
  return lab.dataset(name).props[MARK]?.local === "on";
}

describe("placeholders", () => {
  test("make parents exist that are not replicated, and are not mounted", async () => {
    const lab = new Lab(`
      + "src/a/b c/d"
      + "src/a/b c/d@1"`);
    await lab.succeed({ push: { filesystems: { "src/a/b c/d": true } } });
    expect(lab.received).toEqual(["src", "src/a", "src/a/b c", "src/a/b c/d"]);
    for (const name of [RECEIVER, `${RECEIVER}/src`, `${RECEIVER}/src/a`, `${RECEIVER}/src/a/b c`]) {
      expect(isPlaceholder(lab, name)).toBe(true);
      expect(lab.dataset(name).props["mountpoint"]?.local).toBe("none");
    }
    expect(isPlaceholder(lab, `${RECEIVER}/src/a/b c/d`)).toBe(false);
  });

  test("are replaced by the filesystem itself when that comes; its children stay", async () => {
    const lab = new Lab(`
      + "src/a/b"
      + "src/a/b@1"`);
    await lab.succeed();
    lab.play('+ "src/a@1"');
    const pushed = await lab.succeed();
    expect(pushed.done).toEqual(["src/a full → @1"]);
    expect(isPlaceholder(lab, `${RECEIVER}/src/a`)).toBe(false);
    expect([lab.replicated("src/a"), lab.replicated("src/a/b")]).toEqual([["1"], ["1"]]);
  });

  test("with snapshots of somebody's are not overwritten", async () => {
    const lab = new Lab(`
      + "src/a/b"
      + "src/a/b@1"`);
    await lab.succeed();
    lab.play(`
      + "${RECEIVER}/src/a@mine"
      + "src/a@1"`);
    const pushed = await lab.push();
    expect(Object.keys(pushed.failures)).toEqual(["src/a"]);
    expect(lab.replicated("src/a")).toEqual(["mine"]);
  });

  test("whose mark is only inherited are replicas", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"`);
    await lab.succeed();
    lab.play(`$ zfs inherit zrepl:placeholder "${RECEIVER}/src/a"
      + "src/a@2"`);
    expect((await lab.succeed()).done).toEqual(["src/a @1 → @2"]);
  });

  test("of zrepl 0.0, with a hash of their own name, are recognised", async () => {
    const { legacyPlaceholderHash } = await import("../../src/zfs/placeholder.ts");
    const name = `${RECEIVER}/src/a`;
    const lab = new Lab(`
      + "${name}" ${MARK}=${legacyPlaceholderHash(name)}
      + "src/a"
      + "src/a@1"`);
    await lab.succeed();
    expect(lab.replicated("src/a")).toEqual(["1"]);
  });
});

/** zrepl's chained scenario: host1/a/b → host2/sink, host2/sink → host3/sink. `src/a` itself is left out. */
describe("chained replication", () => {
  const local = (name: string) => ({ type: "local", listener_name: "here", client_identity: name });
  const second = {
    push: { connect: local("host2"), filesystems: { "dst/the sink<": true, "dst/the sink": false } },
    sink: { root_fs: "dst/host3" },
  };

  test("passes placeholders on as placeholders, without error", async () => {
    const lab = new Lab(`
      + "dst/host3"
      + "src/a/b"
      + "src/a/b@1"`);
    await lab.succeed({ push: { connect: local(CLIENT), filesystems: { "src/a/b": true } } });
    const pushed = await lab.succeed(second);
    const end = `dst/host3/host2/${RECEIVER}/src`;
    expect(pushed.done).toEqual([`${RECEIVER}/src/a/b full → @1`]);
    expect(isPlaceholder(lab, `${RECEIVER}/src/a`)).toBe(true);
    expect(isPlaceholder(lab, `${end}/a`)).toBe(true);
    expect(isPlaceholder(lab, `${end}/a/b`)).toBe(false);
    expect(lab.snapshots(`${end}/a/b`)).toEqual(["1"]);

    lab.play('+ "src/a/b@2"');
    await lab.succeed({ push: { connect: local(CLIENT), filesystems: { "src/a/b": true } } });
    await lab.succeed(second);
    expect(lab.snapshots(`${end}/a/b`)).toEqual(["1", "2"]);
    expect(lab.holds(`${RECEIVER}/src/a/b`)).toEqual([`@2: ${LAST_RECEIVED}`]);
  });

  test("a placeholder that is a filesystem further on is an error of that filesystem", async () => {
    const lab = new Lab(`
      + "dst/host3"
      + "src/a/b"
      + "src/a/b@1"`);
    await lab.succeed({ push: { connect: local(CLIENT) } });
    await lab.succeed(second);
    lab.play(`= "dst/host3/host2/${RECEIVER}/src/a" ${MARK}=off
      + "src/a/b@2"`);
    await lab.succeed({ push: { connect: local(CLIENT) } });
    const pushed = await lab.push(second);
    expect(pushed.failures).toEqual({
      [`${RECEIVER}/src/a`]: "sender filesystem is placeholder, but receiver filesystem is not",
    });
    expect(lab.snapshots(`dst/host3/host2/${RECEIVER}/src/a/b`)).toEqual(["1", "2"]);
  });
});

describe("recv.placeholder.encryption", () => {
  const CHILD = `
    + "src/a/b"
    + "src/a/b@1"`;
  const policy = (encryption: string) => ({ sink: { recv: { placeholder: { encryption } } } });

  test("unspecified: an error when one is needed, before any data", async () => {
    const lab = new Lab(CHILD);
    const pushed = await lab.push(policy("unspecified"));
    expect(pushed.failures).toEqual({
      "src/a/b": `cannot create placeholder filesystem ${RECEIVER}/src: placeholder filesystem encryption handling is unspecified in receiver config`,
    });
    expect(pushed.hints["src/a/b"]).toMatch(/recv\.placeholder\.encryption/);
    expect(pushed.runner.receivedBytes).toBe(0);
    expect(lab.received).toEqual([]);
  });

  test("unspecified: fine for the client's own placeholder", async () => {
    const lab = new Lab(`
      + "src@1"
      + "src/child"
      + "src/child@1"`);
    await lab.succeed({ ...policy("unspecified"), push: { filesystems: { "src<": true } } });
    expect(isPlaceholder(lab, RECEIVER)).toBe(true);
    expect(lab.received).toEqual(["src", "src/child"]);
  });

  test.each`
    encryption   | encrypted
    ${"inherit"} | ${true}
    ${"off"}     | ${false}
  `("$encryption under an encrypted root: placeholders encrypted is $encrypted", async (row) => {
    const lab = new Lab(CHILD);
    lab.play(`
      - "dst/the sink"
      + "dst/the sink" encryption=on keyformat=passphrase`);
    await lab.succeed(policy(row.encryption));
    expect(lab.replica("src/a").encryption !== null).toBe(row.encrypted);
    expect(lab.dataset(RECEIVER).encryption !== null).toBe(row.encrypted);
    // a plain stream takes its parent's encryption
    expect(lab.replica("src/a/b").encryption !== null).toBe(row.encrypted);
    expect(lab.replica("src/a/b").encryption?.isRoot ?? false).toBe(false);
  });
});

describe("a placeholder whose encryption differs from what comes", () => {
  const raw = { push: { send: { encrypted: true } } };
  const KEY = "encryption=on keyformat=passphrase";

  test("and that is empty makes way, in the same run", async () => {
    const lab = new Lab(`
      + "src/a" ${KEY}
      + "src/a@1"
      + "${RECEIVER}/src/a" ${MARK}=on mountpoint=none`);
    const pushed = await lab.succeed(raw);
    expect(pushed.warnings[0]).toMatch(/empty placeholder .* was destroyed; trying again/);
    expect(lab.replicated("src/a")).toEqual(["1"]);
    expect(lab.replica("src/a").encryption).not.toBe(null);
  });

  test("and that has children stays, with advice that works; nothing is lost or sent twice", async () => {
    const lab = new Lab(`
      + "src/a" ${KEY}
      + "src/a/b"
      + "src/a/b@1"`);
    await lab.succeed(raw);
    lab.play('+ "src/a@2"');
    const pushed = await lab.push(raw);
    expect(pushed.failures["src/a"]).toMatch(/cannot be used to destroy an encrypted filesystem/);
    expect(pushed.hints["src/a"]).toContain(`zfs rename '${RECEIVER}/src/a.new' '${RECEIVER}/src/a'`);
    expect(lab.replicated("src/a/b")).toEqual(["1"]);
    expect(isPlaceholder(lab, `${RECEIVER}/src/a`)).toBe(true);

    lab.sim.pipe(["zfs", "send", "-w", "src/a@2"], ["zfs", "recv", "-u", `${RECEIVER}/src/a.new`]);
    lab.play(`
      $ zfs rename "${RECEIVER}/src/a/b" "${RECEIVER}/src/a.new/b"
      $ zfs destroy "${RECEIVER}/src/a"
      $ zfs rename "${RECEIVER}/src/a.new" "${RECEIVER}/src/a"
      + "src/a@3"
      + "src/a/b@3"`);
    expect((await lab.succeed(raw)).done).toEqual(["src/a @2 → @3", "src/a/b @1 → @3"]);
  });
});

describe("a parent that fails", () => {
  const FAMILY = `
    + "src/a"
    + "src/a@1"
    + "src/a/child"
    + "src/a/child@1"
    + "src/aa"
    + "src/aa@1"`;

  test("in its initial replication blocks its children, and only them", async () => {
    const lab = new Lab(FAMILY);
    const pushed = await lab.push({
      troubles: [{ at: /zfs send.*src\/aa?@/, what: { kind: "fail", stderr: "mock error" } }],
      push: { replication: ONE_ATTEMPT },
    });
    expect(pushed.failures).toEqual({
      "src/a": expect.stringContaining("mock error"),
      "src/a/child": "parent(s) failed during initial replication: [src/a]",
      "src/aa": expect.stringContaining("mock error"),
    });
    expect(lab.received.filter((name) => /aa?\b/.test(name))).toEqual([]);
    await lab.succeed();
    expect(lab.received).toEqual(["src", "src/a", "src/a/child", "src/aa"]);
  });

  test("in planning blocks children that are not there yet, not those that are (zrepl blocks all)", async () => {
    const lab = new Lab(FAMILY);
    await lab.succeed();
    lab.play(`
      + "${RECEIVER}/src/a@surprise"
      + "src/a@2"
      + "src/a/child@2"
      + "src/a/new"
      + "src/a/new@2"`);
    const pushed = await lab.push();
    expect(Object.keys(pushed.failures)).toEqual(["src/a"]);
    expect(lab.replicated("src/a/child")).toEqual(["1", "2"]);
    // its parent is there: diverged or not, a child can be received below it
    expect(lab.replicated("src/a/new")).toEqual(["2"]);
  });

  test("with more than its first step lets children go on once the first has arrived", async () => {
    const lab = new Lab(`${FAMILY}
      > "src/a" 1M
      + "src/a@2"`);
    const pushed = await lab.push({
      troubles: [{ at: /zfs send.*src\/a@2/, what: { kind: "fail", stderr: "mock error" } }],
      push: { conflict_resolution: { initial_replication: "all" }, replication: ONE_ATTEMPT },
    });
    expect(Object.keys(pushed.failures)).toEqual(["src/a"]);
    expect(lab.replicated("src/a/child")).toEqual(["1"]);
  });

  test("for a passing reason is tried again with its children in the same run", async () => {
    const lab = new Lab(FAMILY);
    const pushed = await lab.succeed({
      troubles: [{ at: /zfs send.*src\/a@/, times: 1, what: { kind: "fail", stderr: "dataset is busy" } }],
      push: { replication: { retry: { attempts: 2, backoff: "1ms" } } },
    });
    expect(pushed.done.toSorted()).toEqual(["src/a full → @1", "src/a/child full → @1", "src/aa full → @1"]);
    expect(isPlaceholder(lab, `${RECEIVER}/src/a`)).toBe(false);
  });

  test("of the config's making (encryption policy) blocks its new children", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"
      + "src/a/e" encryption=on keyformat=passphrase
      + "src/a/e@1"`);
    const pushed = await lab.push({ push: { send: { encrypted: true } } });
    expect(pushed.failures).toEqual({
      "src/a": 'encrypted send mandated by policy, but filesystem "src/a" is not encrypted',
      "src/a/e": "parent(s) failed during initial replication: [src/a]",
    });
    await lab.succeed({ push: { send: { encrypted: true }, filesystems: { "src/a/e": true } } });
    expect(lab.replica("src/a/e").encryption).not.toBe(null);
  });
});

test("a receiver whose guarantee is for existing filesystems uses it on a placeholder (zrepl: sender and receiver differ)", async () => {
  const lab = new Lab(`
    + "src/a/b"
    + "src/a/b@1"`);
  await lab.succeed();
  lab.play('+ "src/a@1"');
  await lab.succeed(protection("nothing", "resumability"));
  expect(lab.holds(`${RECEIVER}/src/a`)).toEqual([`@1: ${LAST_RECEIVED}`]);
});
