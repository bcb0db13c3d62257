/** Reads back the text format of Prometheus, as far as our own files have it. Pure. */

export type Labels = Readonly<Record<string, string>>;

export interface Samples {
  /** Of the sample with exactly these labels. */
  value(name: string, labels: Labels): number | undefined;
  all(name: string): readonly (readonly [Labels, number])[];
}

/** What is not a sample is left out. */
export function parseSamples(text: string): Samples {
  const samples = text.split("\n").flatMap((line) => {
    const match = /^([a-z_]+)\{(.*)\} (-?[\d.e+]+)$/.exec(line);
    return match === null
      ? []
      : [{ name: match[1] ?? "", labels: parseLabels(match[2] ?? ""), value: Number(match[3]) }];
  });
  const all = (name: string) =>
    samples.filter((sample) => sample.name === name).map(({ labels, value }) => [labels, value] as const);
  return {
    all,
    value: (name, labels) =>
      all(name).find(([has]) =>
        Object.entries({ ...labels, ...has }).every(([key, text]) => labels[key] === text),
      )?.[1],
  };
}

function parseLabels(text: string): Labels {
  return Object.fromEntries(
    [...text.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = "", value = ""]) => [
      key,
      value.replaceAll(/\\(.)/g, (_all, char: string) => (char === "n" ? "\n" : char)),
    ]),
  );
}
