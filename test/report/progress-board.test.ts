import { describe, expect, test } from "vitest";
import { fitLines } from "../../src/report/progress.ts";
import { lineText, ProgressBoard } from "../../src/report/progress-board.ts";

const MIB = 1 << 20;
const at = (filesystem: string, bytes: number, totalBytes: number | undefined, step = 1) => ({
  ...{ job: "j", filesystem, step, steps: 2, bytes, totalBytes },
});

describe("the board", () => {
  test("has a line for the only step there is", () => {
    const board = new ProgressBoard();
    board.expect(1);
    board.update(at("t/a", 0, 4 * MIB), 0);
    board.update(at("t/a", MIB, 4 * MIB), 1000);
    expect(board.lines(1000).map(lineText)).toEqual([
      "t/a: step 1 of 2, 1.0 MiB of 4.0 MiB (25 %), 1.0 MiB/s, 3s left",
    ]);
  });

  test("adds a total, with an estimate of what has not begun by what has", () => {
    const board = new ProgressBoard();
    board.expect(4);
    board.update(at("t/a", 0, 10 * MIB), 0);
    board.stepEnded("t/a", 10 * MIB);
    board.update(at("t/b", 0, 20 * MIB), 10_000);
    board.update(at("t/b", 10 * MIB, 20 * MIB), 20_000);
    // 10 MiB of this one, and two of 15 MiB, at 1 MiB/s
    expect(board.lines(20_000).map(lineText).at(-1)).toBe(
      "total: 1 of 4 steps done, 20.0 MiB, 1.0 MiB/s, about 40s left",
    );
  });

  test("promises nothing where a size is not known", () => {
    const board = new ProgressBoard();
    board.expect(2);
    board.update(at("t/a", MIB, undefined), 0);
    expect(board.lines(1000).map(lineText).at(-1)).toBe("total: 0 of 2 steps done, 1.0 MiB, 1.0 MiB/s");
  });

  test("counts steps that ended before they were seen, and not those that failed", () => {
    const board = new ProgressBoard();
    board.expect(3);
    board.stepEnded("t/a", 5);
    board.update(at("t/b", 1, 2), 0);
    board.stepEnded("t/b", undefined);
    expect(board.isIdle).toBe(true);
    expect(board.lines(0).map(lineText)).toEqual(["total: 1 of 2 steps done, 5 B"]);
  });

  test("forgets the pace of the step before", () => {
    const board = new ProgressBoard();
    board.expect(2);
    board.update(at("t/a", MIB, MIB), 0);
    board.update(at("t/a", 0, MIB, 2), 60_000);
    expect(board.lines(61_000).map(lineText)[0]).toBe("t/a: step 2 of 2, 0 B of 1.0 MiB (0 %)");
  });
});

describe("on a terminal", () => {
  const line = (name: string, ...texts: string[]) => ({ name, parts: texts.map((text, drop) => ({ text, drop })) });
  const LINES = [line("tank/some/long/name", "44 %", "9s left", "step 1 of 2"), line("total", "1 of 4", "20s left")];
  const TOTAL = "total: 1 of 4, 20s left";

  test.each([
    ["has room", 60, 3, ["tank/some/long/name: 44 %, 9s left, step 1 of 2", TOTAL]],
    ["is narrower: names are shortened", 46, 3, ["…some/long/name: 44 %, 9s left, step 1 of 2", TOTAL]],
    ["is narrow: parts go", 30, 3, ["…e/long/name: 44 %, 9s left", TOTAL]],
    ["is low: the total stays", 60, 2, [TOTAL]],
    ["has no room at all", 1, 1, ["…"]],
  ])("that %s", (_what, columns, rows, expected) => {
    const lines = fitLines(LINES, { columns, rows });
    expect(lines).toEqual(expected);
    for (const text of lines) expect(text.length).toBeLessThanOrEqual(Math.max(1, columns - 3));
  });

  test("wide characters count as two", () => {
    expect(fitLines([line("日本語日本語", "1 B")], { columns: 14, rows: 5 })).toEqual(["…本語: 1 B"]);
  });
});
