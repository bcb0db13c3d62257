import { expect, test } from "vitest";
import { failure, names, property, run, transfer, twoPools, words } from "./helpers.ts";
import { STANDARD_PROGRAMS } from "./programs.ts";
import { ZfsSimulator } from "./simulator.ts";

test("the same seed and commands give the same world", () => {
  const [one, other] = [twoPools(), twoPools()];
  for (const sim of [one, other]) run(sim, "zfs create tank/a", "zfs snapshot tank/a@1");
  expect(one.dump()).toBe(other.dump());
});

test("a clone goes its own way, with the same future", () => {
  const sim = twoPools();
  run(sim, "zfs create tank/a", "zfs snapshot tank/a@1", "zfs hold t tank/a@1");
  const fork = sim.clone();
  const restored = ZfsSimulator.restore(sim.snapshotState());
  const before = sim.dump();
  run(fork, "zfs release t tank/a@1", "zfs destroy tank/a@1", "zfs snapshot tank/a@2");
  expect(sim.dump()).toBe(before);
  run(restored, "zfs snapshot tank/a@2");
  expect(property(restored, "guid", "tank/a@2")).toBe(property(fork, "guid", "tank/a@2"));
});

test("20,000 commands take a second or so", () => {
  const sim = twoPools();
  run(sim, "zfs create tank/a", "zfs snapshot tank/a@0");
  transfer(sim, "tank/a@0", "back/a");
  const start = process.cpuUsage();
  for (let i = 0; i < 4_000; i++) {
    const fork = sim.clone();
    fork.exec(["zfs", "snapshot", "tank/a@1"]);
    fork.exec(["zfs", "list", "-Hp", "-r", "-t", "all", "-o", "name,type,guid,createtxg,creation,userrefs,written"]);
    fork.exec(["zfs", "hold", "t", "tank/a@1"]);
    fork.pipe(["zfs", "send", "-i", "@0", "tank/a@1"], ["zfs", "recv", "back/a"]);
  }
  expect(process.cpuUsage(start).user / 1e6).toBeLessThan(5); // 0.2 on an idle machine
});

test("encryption: raw streams make an encrypted filesystem without its key", () => {
  const sim = twoPools();
  run(sim, "zfs create -o encryption=on -o keyformat=passphrase -o keylocation=file:///k tank/e", "zfs create back/p");
  run(sim, "zfs snapshot tank/e@1");
  expect(transfer(sim, "-w tank/e@1", "back/e")).toBe("0 0: ");
  expect(run(sim, "zfs list -Hp -o encryption,keystatus,encryptionroot,mounted back/e")).toBe(
    "aes-256-gcm\tunavailable\tback/e\tno\n",
  );
  expect(transfer(sim, "-w tank/e@1", "-F back/p")).toContain(
    "cannot receive new filesystem stream: zfs receive -F cannot be used to destroy an encrypted filesystem or overwrite an unencrypted one with an encrypted one",
  );
  expect(transfer(sim, "-p tank/e@1", "back/x")).toBe(
    "1 1: cannot send tank/e@1: encrypted dataset tank/e may not be sent with properties without the raw flag\nwarning: cannot send 'tank/e@1': backup failed\ncannot receive: failed to read from stream",
  );
  run(sim, "zfs snapshot tank/e@2");
  expect(transfer(sim, "-i @1 tank/e@2", "back/e")).toBe(
    "0 1: cannot receive incremental stream: inherited key must be loaded",
  );
  expect(failure(sim, "zfs load-key tank/e")).toBe("255: Key load error: Key already loaded for 'tank/e'.");
  expect(failure(sim, "zfs create back/e/c")).toBe(
    "1: cannot create 'back/e/c': encryption root's key is not loaded or provided",
  );
});

test("a user without permissions", () => {
  const sim = twoPools();
  run(sim, "zfs create tank/a", "zfs snapshot tank/a@1", "zfs create back/a", "zfs allow me hold,send tank");
  sim.world.user = "me";
  expect(failure(sim, "zfs snapshot tank/a@2")).toBe("1: cannot create snapshots : permission denied");
  expect(failure(sim, "zfs destroy tank/a@1")).toBe("1: cannot destroy snapshots: permission denied");
  expect(failure(sim, "zfs bookmark tank/a@1 tank/a#1")).toBe(
    "1: cannot create bookmark 'tank/a#1': permission denied",
  );
  expect(failure(sim, "zfs create tank/b")).toBe("1: cannot create 'tank/b': permission denied");
  expect(failure(sim, "zfs hold t tank/a@1")).toBe("0: ");
  expect(failure(sim, "zfs hold t back/a@1")).toBe("1: cannot hold snapshot 'back/a@1': dataset does not exist");
  expect(transfer(sim, "tank/a@1", "back/b")).toBe("0 1: cannot receive new filesystem stream: permission denied");
});

test("channel programs: an errno per item, in one txg", () => {
  const scripts: Record<string, string> = { s: "-- zrepl-run: snapshot\n", d: "-- zrepl-run: destroy\n" };
  const sim = new ZfsSimulator({ programs: STANDARD_PROGRAMS, readFile: (path) => scripts[path] ?? "" });
  sim.addPool("tank");
  run(
    sim,
    "zfs create tank/a",
    "zfs create tank/b",
    "zfs snapshot tank/a@1",
    "zfs snapshot tank/b@1",
    "zfs hold t tank/a@1",
  );
  expect(run(sim, "zfs program -j tank s tank/a@2 tank/b@1 tank/nope@2 tank/a@3 back@2")).toBe(
    '{"return":{"tank/a@2":0,"tank/b@1":17,"tank/nope@2":2,"tank/a@3":11,"back@2":2}}',
  );
  expect(run(sim, "zfs program -j tank d tank/a@1 tank/b@1 tank/b@nope")).toBe(
    '{"return":{"tank/a@1":16,"tank/b@1":0,"tank/b@nope":0}}',
  );
  expect(names(sim, "tank/a")).toEqual(["tank/a", "tank/a@1", "tank/a@2"]);
});

test("volumes have no mountpoint, and their streams make volumes", () => {
  const sim = twoPools();
  run(sim, "zfs create -s -V 8M tank/v", "zfs snapshot tank/v@1");
  expect(run(sim, "zfs list -Hp -o type,mounted,volsize tank/v")).toBe("volume\t-\t8388608\n");
  expect(transfer(sim, "tank/v@1", "back/v")).toBe("0 0: ");
  expect(property(sim, "volsize", "back/v")).toBe("8388608");
  expect(failure(sim, "zfs create -V 9G tank/w")).toBe("1: cannot create 'tank/w': out of space");
});

test("mounting a child makes a directory, which changes the parent", () => {
  const sim = twoPools();
  run(sim, "zfs create tank/a", "zfs snapshot tank/a@1");
  transfer(sim, "tank/a@1", "back/a");
  run(sim, "zfs create back/a/child", "zfs snapshot tank/a@2");
  expect(transfer(sim, "-i @1 tank/a@2", "back/a")).toContain("destination back/a has been modified");
});

test("mount, unmount", () => {
  const sim = twoPools();
  run(sim, "zfs create tank/a", "zfs create -o mountpoint=none tank/n");
  expect(failure(sim, "zfs mount tank/a")).toBe("1: cannot mount 'tank/a': filesystem already mounted");
  run(sim, "zfs unmount tank/a");
  expect(failure(sim, "zfs unmount tank/a")).toBe("1: cannot unmount 'tank/a': not currently mounted");
  expect(failure(sim, "zfs mount tank/n")).toBe("1: cannot mount 'tank/n': no mountpoint set");
});

test("pools", () => {
  const sim = twoPools();
  expect(run(sim, "zpool list -H -o name")).toBe("back\ntank\n");
  expect(run(sim, "zpool get -Hp -o value feature@extensible_dataset tank")).toBe("enabled\n");
  expect(failure(sim, "zpool get -Hp -o value feature@extensible_dataset nope")).toBe(
    "1: cannot open 'nope': no such pool",
  );
  expect(failure(sim, "zfs create nope/a")).toBe("1: cannot create 'nope/a': no such pool 'nope'");
  expect(sim.exec(words("zfs list -Hp nope")).stderr).toBe("cannot open 'nope': dataset does not exist\n");
});

test("a clone of an encrypted filesystem has the encryption root of its origin", () => {
  const sim = twoPools();
  run(
    sim,
    "zfs create -o encryption=on -o keyformat=passphrase -o keylocation=file:///k tank/e",
    "zfs snapshot tank/e@1",
  );
  run(sim, "zfs clone tank/e@1 tank/c");
  expect(run(sim, "zfs list -Hp -o encryptionroot,keystatus tank/c")).toBe("tank/e\tavailable\n");
});
