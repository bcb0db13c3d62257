import { contentBytes } from "./content.ts";
import { compareText } from "./lookup.ts";
import type { Content, Dataset, World } from "./world.ts";

const ids = (content: Content): string =>
  Object.entries(content)
    .map(([id, block]) => `${id}.${block.stamp}`)
    .join(" ");

function datasetLines(dataset: Dataset): string[] {
  const partial = dataset.partial && ` partial ${dataset.partial.toname} ${dataset.partial.records} records`;
  const props = Object.entries(dataset.props).map(([name, value]) => ` ${name}=${value.local ?? value.received}`);
  const state = `${dataset.inconsistent ? " inconsistent" : ""}${partial ?? ""}${props.join("")}`;
  const versions = [
    ...dataset.snapshots.map((snapshot) => {
      const holds = Object.keys(snapshot.holds).map((tag) => ` hold:${tag}`);
      return {
        txg: snapshot.createtxg,
        text: `  @${snapshot.name} guid ${snapshot.guid} txg ${snapshot.createtxg} ${contentBytes(snapshot.content)} bytes [${ids(snapshot.content)}]${holds.join("")}${snapshot.deferDestroy ? " deferred" : ""}`,
      };
    }),
    ...dataset.bookmarks.map((bookmark) => ({
      txg: bookmark.createtxg,
      text: `  #${bookmark.name} guid ${bookmark.guid} txg ${bookmark.createtxg}`,
    })),
  ].sort((a, b) => a.txg - b.txg || compareText(a.text, b.text));
  return [
    `${dataset.name} ${dataset.kind}${state} [${ids(dataset.content)}]`,
    ...versions.map((version) => version.text),
  ];
}

/** Everything that matters of a world, one line per dataset, snapshot and bookmark. */
export function dumpWorld(world: World): string {
  const pools = Object.values(world.pools).sort((a, b) => compareText(a.name, b.name));
  const lines = pools.flatMap((pool) =>
    Object.values(pool.datasets)
      .sort((a, b) => compareText(a.name, b.name))
      .flatMap(datasetLines),
  );
  return `${[`now ${world.nowSec}`, ...lines].join("\n")}\n`;
}
