/** The live display on a terminal: ora's spinner with the progress board behind it. Loaded only when stderr is a terminal. */
import ora from "ora";
import stringWidth from "string-width";
import { type BoardLine, lineText, type ProgressBoard } from "./progress-board.ts";
import type { ProgressDisplay } from "./reporter.ts";

/** What the spinner puts before the first line, and the indentation of the others. */
const INDENT = 2;

/** `stream` must be a terminal. */
export function createProgressDisplay(
  stream: NodeJS.WriteStream,
  board: ProgressBoard,
  nowMs: () => number,
): ProgressDisplay {
  const spinner = ora({ stream, discardStdin: false, hideCursor: true });
  let drawn: readonly string[] = [];
  const draw = () => {
    if (board.isIdle) {
      spinner.stop();
      return;
    }
    drawn = fitLines(board.lines(nowMs()), stream);
    spinner.text = drawn.join(`\n${" ".repeat(INDENT)}`);
    if (!spinner.isSpinning) spinner.start();
  };
  // a narrower terminal has wrapped what was drawn: ora would leave the rows that this made more
  const onResize = () => {
    if (!spinner.isSpinning) return;
    const rows = drawn.reduce((sum, line) => sum + rowsOf(line, stream.columns), 0);
    stream.write("\r\u001B[2K\u001B[1A".repeat(Math.max(0, rows - drawn.length)));
    spinner.clear();
    draw();
    spinner.render();
  };
  stream.on("resize", onResize);
  return {
    changed: draw,
    around: (write) => {
      const wasSpinning = spinner.isSpinning;
      if (wasSpinning) spinner.stop();
      write();
      if (wasSpinning) spinner.start();
    },
    stop: () => {
      stream.off("resize", onResize);
      spinner.stop();
    },
  };
}

/** No line wraps, and no more lines than the terminal has; the last is the total. */
export function fitLines(
  lines: readonly BoardLine[],
  size: { readonly columns: number; readonly rows: number },
): string[] {
  const room = Math.max(1, size.rows - 1);
  const shown = lines.length <= room ? lines : [...lines.slice(0, room - 1), ...lines.slice(-1)];
  return shown.map((line) => fitLine(line, Math.max(1, size.columns - INDENT - 1)));
}

/** So much of a name stays before the next part goes. */
const NAME_WIDTH = 12;

function fitLine(line: BoardLine, width: number): string {
  const text = lineText(line);
  const excess = stringWidth(text) - width;
  if (excess <= 0) return text;
  const nameWidth = stringWidth(line.name);
  if (nameWidth - excess < Math.min(nameWidth, NAME_WIDTH) && line.parts.length > 1) {
    const first = Math.max(...line.parts.map(({ drop }) => drop));
    return fitLine({ ...line, parts: line.parts.filter(({ drop }) => drop !== first) }, width);
  }
  return shorten(text, width);
}

/** Without its beginning: the end of a name tells more. */
function shorten(text: string, width: number): string {
  let tail = text;
  while (stringWidth(tail) > width - 1) tail = tail.slice(1);
  return `…${tail}`;
}

function rowsOf(line: string, columns: number): number {
  return Math.max(1, Math.ceil((stringWidth(line) + INDENT) / Math.max(1, columns)));
}
