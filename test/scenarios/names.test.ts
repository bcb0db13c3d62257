import { describe, expect, test } from "vitest";
import { cursorAt, Lab, protection, STEP } from "./lab.ts";

describe("long names", () => {
  /** A filesystem's name of so many bytes. */
  const named = (length: number) => `src/${"x".repeat(length - 4)}`;

  function lab(length: number): Lab {
    return new Lab(`
      + "${named(length)}"
      + "${named(length)}@1"`);
  }

  test("are replicated as long as a cursor's name fits: 255 bytes", async () => {
    const length = 255 - "#zrepl_CURSOR_G_0123456789abcdef_J_push job".length;
    const fits = lab(length);
    await fits.succeed({ sink: { root_fs: "dst" } });
    expect(fits.bookmarks(named(length))).toEqual([cursorAt("1")]);
  });

  test("that are longer arrive, stay protected by holds, and the run fails with a way out that works", async () => {
    const name = named(225);
    const tooLong = lab(225);
    for (let run = 1; run <= 2; run++) {
      const pushed = await tooLong.push({ sink: { root_fs: "dst" } });
      expect(pushed.failures[name]).toMatch(/the bookmark's name is longer than 255 bytes$/);
      expect(pushed.hints[name]).toMatch(/shorten .* or set replication\.protection to guarantee_nothing/);
      expect(tooLong.holds(name)).toEqual([`@1: ${STEP}`]);
    }
    await tooLong.succeed({ sink: { root_fs: "dst" }, ...protection("nothing") });
    expect(tooLong.holds(name)).toEqual([]);
    tooLong.play(`+ "${name}@2"`);
    const pushed = await tooLong.succeed({ sink: { root_fs: "dst" }, ...protection("nothing") });
    expect(pushed.done).toEqual([`${name} @1 → @2`]);
  });

  test("fail before any data with guarantee_incremental, whose bookmarks come first", async () => {
    const name = named(225);
    const tooLong = lab(225);
    const pushed = await tooLong.push({ sink: { root_fs: "dst" }, ...protection("incremental") });
    expect(pushed.failures[name]).toMatch(/the bookmark's name is longer than 255 bytes$/);
    expect(pushed.runner.receivedBytes).toBe(0);
  });

  test("that only the receiver can't take fail before any data", async () => {
    const name = named(235);
    const tooLong = lab(235);
    const pushed = await tooLong.push(protection("nothing"));
    expect(pushed.failures[name]).toMatch(/is longer than 255 bytes/);
    expect(pushed.runner.receivedBytes).toBe(0);
  });
});
