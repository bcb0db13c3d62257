import { describe, expect, test } from "vitest";
import { Placement } from "../../src/endpoint/placement.ts";

const plain = new Placement("pool/sink", {});

function mapped(mapping: Readonly<Record<string, string>>, root = "storage"): Placement {
  return new Placement(root, { rootMapping: new Map(Object.entries(mapping)) });
}

/** The example of old zrepl's manual. */
const OLD = mapped({
  "zroot/var/db<": "storage/db_replication/app-srv",
  "zroot/usr/home/.etc": "storage/etc/app-srv",
  "zroot/var/db/tmp<": "!",
  "<": "storage/backups/app-srv",
});

describe("a filesystem is", () => {
  test.each([
    [plain, "tank/a", "pool/sink/tank/a"],
    [OLD, "zroot/var/db", "storage/db_replication/app-srv"],
    [OLD, "zroot/var/db/pg/1", "storage/db_replication/app-srv/pg/1"],
    [OLD, "zroot/usr/home/.etc", "storage/etc/app-srv"],
    [OLD, "zroot/usr/home/.etc/x", "storage/backups/app-srv/zroot/usr/home/.etc/x"],
    [OLD, "zroot/var/dbase", "storage/backups/app-srv/zroot/var/dbase"],
    [OLD, "zroot", "storage/backups/app-srv/zroot"],
    [mapped({ "a<": "storage" }), "a", "storage"],
  ])("%#: %s → %s, and back", (placement, filesystem, name) => {
    expect(placement.placeOf(filesystem)).toEqual({ kind: "at", name });
    expect(placement.originalOf(name)).toBe(filesystem);
  });

  test("left out", () => {
    for (const filesystem of ["zroot/var/db/tmp", "zroot/var/db/tmp/x"])
      expect(OLD.placeOf(filesystem)).toEqual({
        kind: "leftOut",
        message: 'recv.root_mapping says "zroot/var/db/tmp<": "!"',
      });
  });

  test.each([
    [mapped({ "a<": "storage/a" }), "b", /no entry of recv\.root_mapping is for b/],
    [mapped({ "<": "elsewhere" }), "a", /leads a to elsewhere\/a, which is not below storage/],
    [mapped({ "a<": "storage2" }), "a", /leads a to storage2, which is not below storage/],
    [mapped({ "a<": "storage/sink/bob" }, "storage/sink/alice"), "a", /not below storage\/sink\/alice/],
    [plain, "a/../b", /has a component that is ".."/],
    [plain, "a@b", /contains @ or #/],
    [plain, `a/${"x".repeat(246)}`, /is longer than 255 bytes/],
  ])("nowhere: %#", (placement, filesystem, problem) => {
    const place = placement.placeOf(filesystem);
    expect(place).toMatchObject({ kind: "nowhere", message: expect.stringMatching(problem) });
  });
});

test("what is here and was not received from anywhere has no original", () => {
  expect(plain.originalOf("pool/sink")).toBeUndefined();
  expect(plain.originalOf("pool/sink2/a")).toBeUndefined();
  expect(OLD.originalOf("storage/backups")).toBeUndefined();
  expect(OLD.originalOf("storage/other/a")).toBeUndefined();
  // another entry has this filesystem
  expect(OLD.originalOf("storage/backups/app-srv/zroot/var/db/x")).toBeUndefined();
});

test("two filesystems that would be in one place are both refused", () => {
  const problems = mapped({ "a<": "storage/x", "b<": "storage/x", c: "storage/c" }).misplaced([
    "a/1",
    "a/2",
    "b/1",
    "c",
  ]);
  expect([...problems.keys()].sort()).toEqual(["a/1", "b/1"]);
  expect(problems.get("a/1")).toEqual(problems.get("b/1"));
  expect(problems.get("a/1")).toMatchObject({
    message: "recv.root_mapping leads a/1 and b/1 to the same place, storage/x/1",
  });
});

describe("without the first two components", () => {
  const stripped = new Placement("pool/sink", { stripPrefix: 2 });

  test("what is left is the name, and what was lost is told", () => {
    expect(stripped.placeOf("tank/data/home/a")).toEqual({ kind: "at", name: "pool/sink/home/a" });
    expect(stripped.originalOf("pool/sink/home/a")).toBe("*/*/home/a");
    expect(stripped.placeOf("*/*/home/a")).toEqual({ kind: "at", name: "pool/sink/home/a" });
    expect(stripped.originalOf("pool/sink")).toBeUndefined();
  });

  test.each(["tank", "tank/data", "tank/data/..", "tank/data/a@b", "tank/data/"])("%s is nowhere", (filesystem) => {
    expect(stripped.placeOf(filesystem).kind).toBe("nowhere");
  });
});
