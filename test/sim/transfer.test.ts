import { expect, test } from "vitest";
import { failure, names, property, run, transfer, twoPools, words } from "./helpers.ts";
import type { ZfsSimulator } from "./simulator.ts";

/** tank/a with 4 MB in @1, 2 MB more in @2, nothing more in @3; a bookmark of @1. */
function world(): ZfsSimulator {
  const sim = twoPools();
  run(sim, "zfs set mountpoint=none tank", "zfs set mountpoint=none back", "zfs create tank/a");
  sim.write("tank/a", 4_000_000, "f");
  run(sim, "zfs snapshot tank/a@1", "zfs bookmark tank/a@1 tank/a#1");
  sim.write("tank/a", 2_000_000, "g");
  run(sim, "zfs snapshot tank/a@2", "zfs snapshot tank/a@3");
  return sim;
}

const token = (sim: ZfsSimulator, name: string): string => property(sim, "receive_resume_token", name);

test("full, incremental and bookmark-based streams carry content, guid and creation, not createtxg", () => {
  const sim = world();
  sim.nowSec += 1000;
  expect(transfer(sim, "tank/a@1", "back/a")).toBe("0 0: ");
  expect(transfer(sim, "-i #1 tank/a@2", "back/a")).toBe("0 0: ");
  expect(transfer(sim, "-i @2 tank/a@3", "back/a")).toBe("0 0: ");
  expect(sim.contentOf("back/a@3")).toEqual(sim.contentOf("tank/a@3"));
  for (const name of ["guid", "creation"])
    expect(property(sim, name, "back/a@2")).toBe(property(sim, name, "tank/a@2"));
  expect(property(sim, "u:p", "back/a")).toBe("-");
});

test.each([
  [
    "tank/a@1",
    "back/a",
    "cannot receive new filesystem stream: destination 'back/a' exists\nmust specify -F to overwrite it",
  ],
  [
    "tank/a@1",
    "-F back/a",
    "cannot receive new filesystem stream: destination has snapshots (eg. back/a@1)\nmust destroy them to overwrite it",
  ],
  [
    "tank/a@1",
    "back/no/a",
    "cannot open 'back/no': dataset does not exist\ncannot receive new filesystem stream: unable to restore to destination",
  ],
  ["-i @1 tank/a@2", "back/none", "cannot receive incremental stream: destination 'back/none' does not exist"],
  [
    "-i @2 tank/a@3",
    "back/a",
    "cannot receive incremental stream: most recent snapshot of back/a does not\nmatch incremental source",
  ],
])("%s | %s", (send, recv, text) => {
  const sim = world();
  transfer(sim, "tank/a@1", "back/a");
  expect(transfer(sim, send, recv).replace(/^\d+ 1: /, "")).toBe(text);
});

test("a filesystem that was written to refuses increments without -F", () => {
  const sim = world();
  transfer(sim, "tank/a@1", "back/a");
  sim.write("back/a", 10);
  expect(transfer(sim, "-i @1 tank/a@2", "back/a")).toContain(
    "cannot receive incremental stream: destination back/a has been modified\nsince most recent snapshot",
  );
  expect(transfer(sim, "-i @1 tank/a@2", "-F back/a")).toBe("0 0: ");
  expect(sim.contentOf("back/a")).toEqual(sim.contentOf("tank/a@2"));
});

test("the base may be older than the newest snapshot, as long as nothing changed since", () => {
  const sim = world();
  transfer(sim, "tank/a@1", "back/a");
  run(sim, "zfs snapshot back/a@own");
  expect(transfer(sim, "-i @1 tank/a@2", "back/a")).toBe("0 0: ");
  expect(names(sim, "back/a")).toEqual(["back/a", "back/a@1", "back/a@own", "back/a@2"]);
});

test("-F destroys newer snapshots, but not held ones", () => {
  const sim = world();
  transfer(sim, "tank/a@1", "back/a");
  run(sim, "zfs snapshot back/a@own", "zfs hold t back/a@own");
  expect(transfer(sim, "-i @1 tank/a@2", "-F back/a")).toBe("0 1: cannot receive incremental stream: dataset is busy");
  run(sim, "zfs release t back/a@own");
  expect(transfer(sim, "-i @1 tank/a@2", "-F back/a")).toBe("0 0: ");
  expect(names(sim, "back/a")).toEqual(["back/a", "back/a@1", "back/a@2"]);
});

test("an increment that is there already is skipped, unless it is empty", () => {
  const sim = world();
  transfer(sim, "tank/a@1", "back/a");
  transfer(sim, "-I @1 tank/a@3", "back/a");
  expect(transfer(sim, "-i @1 tank/a@2", "back/a")).toBe("0 0: ");
  expect(transfer(sim, "-i @2 tank/a@3", "back/a")).toBe(
    "0 1: cannot receive: failed to read from stream\ncannot restore to back/a@3: destination already exists",
  );
});

test("an interrupted receive without -s leaves nothing", () => {
  const sim = world();
  expect(transfer(sim, "tank/a@1", "back/a", { cutAfterBytes: 2_000_000 })).toBe(
    "141 1: cannot receive new filesystem stream: incomplete stream",
  );
  expect(names(sim, "back")).toEqual(["back"]);
});

test.each([
  [0, "cannot receive: failed to read from stream"],
  [100, "cannot receive: failed to read from stream"],
  [312, "cannot open 'back/a': dataset does not exist\ncannot receive new filesystem stream: invalid backup stream"],
  [623, "cannot open 'back/a': dataset does not exist\ncannot receive new filesystem stream: invalid backup stream"],
])("cut after %i bytes", (cutAfterBytes, text) => {
  expect(transfer(world(), "tank/a@1", "-s back/a", { cutAfterBytes })).toBe(`141 1: ${text}`);
});

test("-s saves what came, and resuming sends only the rest", () => {
  const sim = world();
  const message = transfer(sim, "tank/a@1", "-s back/a", { cutAfterBytes: 2_000_000 });
  const saved = token(sim, "back/a");
  expect(message).toBe(
    "141 1: cannot receive new filesystem stream: checksum mismatch or incomplete stream.\nPartially received snapshot is saved.\nA resuming stream can be generated on the sending system by running:\n" +
      `    zfs send -t ${saved}`,
  );
  expect(run(sim, `zfs send -nvP -t ${saved}`)).toMatch(
    /^resume token contents:\nnvlist version: 0\n\tobject = 0x[0-9a-f]+\n\toffset = 0x[0-9a-f]+\n\tbytes = 0x[0-9a-f]+\n\ttoguid = 0x[0-9a-f]+\n\ttoname = tank\/a@1\nfull\ttank\/a@1\t\d+\nsize\t\d+\n$/,
  );
  const rest = sim.pipe(words(`zfs send -t ${saved}`), words("zfs recv -s back/a"));
  expect([rest.recv.exitCode, rest.bytes < 2_200_000]).toEqual([0, true]);
  expect(sim.contentOf("back/a@1")).toEqual(sim.contentOf("tank/a@1"));
  expect(transfer(sim, `-t ${saved}`, "-s back/a")).toContain(
    "cannot receive resume stream: kernel modules must be upgraded to receive this stream.",
  );
});

test("saved state blocks everything but the matching rest", () => {
  const sim = world();
  transfer(sim, "tank/a@1", "-s back/a", { cutAfterBytes: 2_000_000 });
  const busy = 'destination back/a contains partially-complete state from "zfs receive -s".';
  expect(transfer(sim, "tank/a@1", "-F back/a")).toBe(`141 1: cannot receive new filesystem stream: ${busy}`);
  expect(transfer(sim, "-i @1 tank/a@2", "back/a")).toBe(`141 1: cannot receive incremental stream: ${busy}`);
  run(sim, "zfs recv -A back/a");
  expect(names(sim, "back")).toEqual(["back"]);
  expect(failure(sim, "zfs recv -A back")).toBe("1: 'back' does not have any resumable receive state to abort");
});

test("a token outlives its snapshot, but cannot be used", () => {
  const sim = world();
  transfer(sim, "tank/a@1", "back/a");
  transfer(sim, "-i @1 tank/a@2", "-s back/a", { cutAfterBytes: 1_000_000 });
  const saved = token(sim, "back/a");
  run(sim, "zfs destroy tank/a@2");
  const { stdout, stderr, exitCode } = sim.exec(words(`zfs send -nvP -t ${saved}`));
  expect([stdout.startsWith("resume token contents:\nnvlist version: 0\n\tfromguid = 0x"), stderr, exitCode]).toEqual([
    true,
    "cannot resume send: 'tank/a@2' used in the initial send no longer exists\n",
    255,
  ]);
});

test.each([
  ["1-abc", "invalid format"],
  ["nonsense", "invalid format"],
  ["1-1-b8-789c", "incorrect checksum"],
])("token %s is corrupt", (text, problem) => {
  expect(failure(world(), `zfs send -nvP -t ${text}`)).toBe(
    `255: cannot resume send: resume token is corrupt (${problem})`,
  );
});

test("a token made by OpenZFS decodes, with bytes that the checksum leaves out", () => {
  const real =
    "1-882989f7f-b8-789c636064000310a500c4ec50360710e72765a52697303030419460caa7a515a7968064b4e0f26c48f2499525a9c540fa828a0e56fd25f9e9a599290c0cbb1f713289df79b24903499e132c9f97989b0aa413f3b2f5131d0c1990000011d8155c";
  expect(sim0().exec(words(`zfs send -nvP -t ${real}00`)).stdout).toBe(
    "resume token contents:\nnvlist version: 0\n\tobject = 0x2\n\toffset = 0x2a0000\n\tbytes = 0x2c24d0\n\ttoguid = 0xb2e4dc170209e2bb\n\ttoname = tank/a@1\n",
  );
});

const sim0 = world;

test("-F over a placeholder, interrupted: the resumed receive needs -F as well", () => {
  const sim = world();
  run(sim, "zfs create -o zrepl:placeholder=on back/p");
  transfer(sim, "tank/a@1", "-s -F back/p", { cutAfterBytes: 2_000_000 });
  expect(transfer(sim, `-t ${token(sim, "back/p")}`, "-s back/p")).toContain(
    "cannot receive resume stream: destination back/p has been modified\nsince most recent snapshot",
  );
  expect(token(sim, "back/p")).not.toBe("-");
  expect(transfer(sim, `-t ${token(sim, "back/p")}`, "-s -F back/p")).toBe("0 0: ");
  expect(property(sim, "zrepl:placeholder", "back/p")).toBe("on");
});

test("a half-received increment pins the newest snapshot by a hidden clone", () => {
  const sim = world();
  transfer(sim, "tank/a@1", "back/a");
  transfer(sim, "-i @1 tank/a@2", "-s back/a", { cutAfterBytes: 1_000_000 });
  expect(failure(sim, "zfs destroy back/a@1")).toBe(
    "1: cannot destroy 'back/a@1': snapshot has dependent clones\nuse '-R' to destroy the following datasets:\nback/a/%recv",
  );
});

test("a receive that runs makes its filesystem busy", () => {
  const sim = world();
  const { stream } = sim.send(words("zfs send tank/a@1"));
  if (stream === null) throw new Error("no stream");
  const running = sim.startReceive(words("zfs recv -s back/a"), stream);
  running.feed(1_000_000);
  expect(failure(sim, "zfs destroy back/a")).toBe("1: cannot destroy 'back/a': dataset is busy");
  expect(failure(sim, "zfs recv -A back/a")).toBe("1: cannot destroy 'back/a': dataset is busy");
  expect(token(sim, "back/a")).not.toBe("-");
  running.feed(10_000_000);
  expect(running.result?.exitCode).toBe(0);
});

test("a second receive of an increment meets a busy dataset", () => {
  const sim = world();
  transfer(sim, "tank/a@1", "back/a");
  const { stream } = sim.send(words("zfs send -i @1 tank/a@2"));
  if (stream === null) throw new Error("no stream");
  const running = sim.startReceive(words("zfs recv back/a"), stream);
  running.feed(1_000_000);
  expect(transfer(sim, "-i @1 tank/a@2", "back/a")).toBe("141 1: cannot receive incremental stream: dataset is busy");
  expect(failure(sim, "zfs recv -A back/a")).toBe("1: cannot destroy 'back/a/%recv': dataset is busy");
  expect(running.end().stderr).toBe("cannot receive incremental stream: incomplete stream\n");
});

test.each([
  ["-i @2 tank/a@1", "1: warning: cannot send 'tank/a@1': not an earlier snapshot from the same fs"],
  ["-i #nope tank/a@1", "1: warning: cannot send 'tank/a@1': No such process"],
  ["-i #1 tank/a@1", "1: warning: cannot send 'tank/a@1': Invalid cross-device link"],
  ["-I @2 tank/a@2", "1: WARNING: could not send tank/a@2:\nincremental source (tank/a@2) is not earlier than it"],
  ["-I #1 tank/a@2", "1: Error: multiple snapshots cannot be sent from a bookmark."],
  ["-I @nope tank/a@2", "1: cannot open 'tank/a@nope': dataset does not exist"],
  ["tank/a@nope", "1: cannot open 'tank/a@nope': dataset does not exist"],
  ["tank/a", "1: warning: cannot send 'tank/a': Invalid argument"],
])("zfs send -nvP %s", (args, text) => {
  expect(failure(world(), `zfs send -nvP ${args}`)).toBe(text);
});

test("dry runs name the snapshots as -i and -I do", () => {
  const sim = world();
  expect(run(sim, "zfs send -nvP -i @2 tank/a@3")).toBe("incremental\ttank/a@2\ttank/a@3\t624\nsize\t624\n");
  expect(run(sim, "zfs send -nvP -I @2 tank/a@3")).toBe("incremental\t2\ttank/a@3\t624\nsize\t624\n");
  expect(run(sim, "zfs send -nv -I @2 tank/a@3")).toBe(
    "send from @2 to tank/a@3 estimated size is 624B\ntotal estimated size is 624B\n",
  );
});

test("properties of -o are there even if a new filesystem is left half-received; -p sends local ones", () => {
  const sim = world();
  transfer(sim, "tank/a@1", "-s -o u:p=here back/a", { cutAfterBytes: 2_000_000 });
  expect(property(sim, "u:p", "back/a")).toBe("here");
  run(sim, "zfs set u:q=sent tank/a");
  transfer(sim, "-p tank/a@1", "back/b");
  expect(run(sim, "zfs get -Hp -o value,source u:q back/b")).toBe("sent\treceived\n");
  expect(failure(sim, "zfs recv -o u:p=1 -x u:p back/c")).toContain(
    "2: property 'u:p' specified multiple times\nusage:",
  );
});

test("a full pool and a quota stop a receive", () => {
  const sim = world();
  run(sim, "zfs create -o quota=2M back/q");
  expect(transfer(sim, "tank/a@1", "back/q/x")).toContain(
    "cannot receive new filesystem stream: destination back/q/x space quota exceeded.",
  );
  sim.addPool("small", 4_000_000);
  expect(transfer(sim, "tank/a@1", "-s small/x")).toContain("cannot receive new filesystem stream: out of space");
  expect(token(sim, "small/x")).not.toBe("-");
});

test("-u onto an existing filesystem leaves it unmounted", () => {
  const sim = world();
  run(sim, "zfs set mountpoint=/back back", "zfs create back/p");
  transfer(sim, "tank/a@1", "-F -u back/p");
  expect(property(sim, "mounted", "back/p")).toBe("no");
});

test("in a -I stream an empty increment that is there already swallows what comes next", () => {
  const sim = world();
  run(sim, "zfs snapshot tank/a@4", "zfs snapshot tank/a@5");
  for (const args of ["tank/a@3", "-i @3 tank/a@4"]) transfer(sim, args, "back/a");
  expect(transfer(sim, "-I @3 tank/a@4", "back/a")).toBe("0 1: cannot receive: failed to read from stream");
  expect(transfer(sim, "-I @3 tank/a@5", "back/a")).toBe("0 0: ");
  expect(names(sim, "back/a")).toEqual(["back/a", "back/a@3", "back/a@4"]);
});

test("a resumed receive without -s loses the saved state when it fails", () => {
  const sim = world();
  run(sim, "zfs create back/p");
  transfer(sim, "tank/a@1", "-s -F back/p", { cutAfterBytes: 2_000_000 });
  expect(transfer(sim, `-t ${token(sim, "back/p")}`, "back/p")).toContain(
    "has been modified\nsince most recent snapshot",
  );
  expect(token(sim, "back/p")).toBe("-");
});
