/** What several measurements of the same thing say together. Pure. */

export interface Summary {
  readonly median: number;
  /** The middle half of the values is between these. */
  readonly low: number;
  readonly high: number;
}

/** A ratio of two contenders, measured in turn; `meaningless` says why none is given. */
export type Ratio = (Summary & { readonly meaningless?: undefined }) | { readonly meaningless: string };

/** Wider than this, relative to its median, and the middle half of the ratios says nothing. */
const MAX_SPREAD = 0.5;
const MIN_ROUNDS = 3;

export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75) };
}

function quantile(sorted: readonly number[], q: number): number {
  const position = (sorted.length - 1) * q;
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
}

/** The ratio of measurements of the same rounds, round by round: what disturbs a round disturbs both. */
export function ratioOf(values: readonly number[], floor: readonly number[]): Ratio {
  const ratios = values.map((value, round) => value / (floor[round] ?? Number.NaN));
  if (ratios.length < MIN_ROUNDS) return { meaningless: `fewer than ${MIN_ROUNDS} rounds` };
  if (!ratios.every(Number.isFinite)) return { meaningless: "too short to be measured" };
  const summary = summarize(ratios);
  const spread = (summary.high - summary.low) / summary.median;
  if (spread > MAX_SPREAD)
    return { meaningless: `rounds differ too much: ${summary.low.toFixed(2)} to ${summary.high.toFixed(2)}` };
  return summary;
}
