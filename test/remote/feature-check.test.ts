import { describe, expect, test } from "vitest";
import type { SendOptions } from "../../src/config/config.ts";
import { compareFeatures } from "../../src/remote/feature-check.ts";
import { type PoolFeatures, parsePoolFeatures } from "../../src/zfs/pool-features.ts";

const ALL = "bookmarks bookmark_v2 extensible_dataset lz4_compress zstd_compress embedded_data large_blocks encryption";

/** A pool with all features, but for what a test says. */
function pool(name: string, changes: Readonly<Record<string, string | undefined>> = {}): PoolFeatures {
  const features = new Map(ALL.split(" ").map((feature) => [feature, "enabled"]));
  for (const [feature, state] of Object.entries(changes))
    if (state === undefined) features.delete(feature);
    else features.set(feature, state);
  return { pool: name, features };
}

const PLAIN: SendOptions = {
  encrypted: false,
  raw: false,
  sendProperties: false,
  backupProperties: false,
  largeBlocks: false,
  compressed: false,
  embeddedData: false,
  saved: false,
};

const compared = (sender: PoolFeatures, receiver: PoolFeatures, send: SendOptions | undefined) =>
  compareFeatures(sender, receiver, send).map(({ status, detail, remedy }) => `${status} ${detail}; ${remedy ?? ""}`);

const OK = ["ok pool dst can receive what pool src sends; "];

test("reads zpool get", () => {
  const stdout =
    "size\t1024\nfeature@lz4_compress\tactive\nfeature@large_blocks\tdisabled\nunsupported@com.x:y\tinactive\n";
  expect([...parsePoolFeatures(stdout)]).toEqual([
    ["lz4_compress", "active"],
    ["large_blocks", "disabled"],
  ]);
});

describe("a feature in use that the receiver's pool has not", () => {
  test.each`
    feature            | send                      | status
    ${"lz4_compress"}  | ${{}}                     | ${"ok"}
    ${"lz4_compress"}  | ${{ compressed: true }}   | ${"fail"}
    ${"lz4_compress"}  | ${{ embeddedData: true }} | ${"fail"}
    ${"zstd_compress"} | ${{ compressed: true }}   | ${"warn"}
    ${"embedded_data"} | ${{ embeddedData: true }} | ${"fail"}
    ${"embedded_data"} | ${{ raw: true }}          | ${"warn"}
    ${"embedded_data"} | ${{ encrypted: true }}    | ${"ok"}
    ${"large_blocks"}  | ${{}}                     | ${"ok"}
    ${"large_blocks"}  | ${{ largeBlocks: true }}  | ${"warn"}
    ${"encryption"}    | ${{}}                     | ${"ok"}
    ${"encryption"}    | ${{ raw: true }}          | ${"warn"}
    ${"encryption"}    | ${{ encrypted: true }}    | ${"fail"}
    ${"large_dnode"}   | ${{}}                     | ${"warn"}
  `("$feature with $send: $status", ({ feature, send, status }) => {
    const [sender, receiver] = [pool("src", { [feature]: "active" }), pool("dst", { [feature]: "disabled" })];
    const found = compareFeatures(sender, receiver, { ...PLAIN, ...send });
    expect(found.map((finding) => finding.status)).toEqual([status]);
    expect(compared(sender, pool("dst", { [feature]: "enabled" }), { ...PLAIN, ...send })).toEqual(OK);
    expect(compared(pool("src", { [feature]: "enabled" }), receiver, { ...PLAIN, ...send })).toEqual(OK);
  });
});

test("the remedy is the command, or an upgrade where the feature is unknown", () => {
  const sender = pool("src", { large_blocks: "active" });
  const send = { ...PLAIN, largeBlocks: true };
  expect(compared(sender, pool("dst", { large_blocks: "disabled" }), send)).toEqual([
    "warn pool src uses large_blocks, which pool dst has disabled: it can't receive streams of the filesystems that use it; on the receiver: zpool set feature@large_blocks=enabled dst; or send.large_blocks: false, from the first snapshot on",
  ]);
  expect(compared(sender, pool("dst", { large_blocks: undefined }), send)).toEqual([
    expect.stringMatching(/which pool dst does not know: .*; on the receiver: upgrade OpenZFS; or send/),
  ]);
});

test("options of the other side are not known: whatever it may send is warned of", () => {
  const found = compareFeatures(
    pool("src", { encryption: "active" }),
    pool("dst", { encryption: "disabled" }),
    undefined,
  );
  expect(found.map(({ status }) => status)).toEqual(["warn"]);
});

test("what we need ourselves", () => {
  const sender = pool("src", { bookmarks: "disabled", bookmark_v2: undefined });
  const receiver = pool("dst", { extensible_dataset: "disabled" });
  expect(compared(sender, receiver, { ...PLAIN, encrypted: true })).toEqual([
    "fail pool src has disabled bookmarks: replication cursors are bookmarks; on the sender: zpool set feature@bookmarks=enabled src",
    "fail pool src does not know bookmark_v2: cursors of encrypted filesystems need it; on the sender: upgrade OpenZFS",
    "fail pool dst has disabled extensible_dataset: a receive that can be resumed needs it; on the receiver: zpool set feature@extensible_dataset=enabled dst",
  ]);
});
