/** Who a tcp client is, by its address (zrepl-behaviour.md §8.4). Pure. */
import { isIPv4, isIPv6 } from "node:net";

interface Entry {
  readonly network: bigint;
  readonly bits: number;
  readonly zone: string;
  readonly isNetwork: boolean;
  readonly identity: string;
}

/**
 * The identity that `clients` (address or network → identity) gives an address, by the longest prefix; undefined = none.
 * `address` is as node:net tells it, e.g. `10.1.2.3`, `::ffff:10.1.2.3`, `fe80::1%eth0`.
 */
export function identityOf(clients: ReadonlyMap<string, string>, address: string): string | undefined {
  const [ip = "", zone = ""] = address.replace(/^::ffff:(?=\d+\.)/i, "").split("%");
  const value = parseAddress(ip);
  if (value === undefined) return undefined;
  let best: Entry | undefined;
  for (const [key, identity] of clients) {
    const entry = parseEntry(key, identity);
    if (entry === undefined || entry.zone !== zone) continue;
    const shift = BigInt(128 - entry.bits);
    if (value >> shift !== entry.network >> shift) continue;
    if (best === undefined || entry.bits > best.bits || (entry.bits === best.bits && !entry.isNetwork)) best = entry;
  }
  if (best === undefined) return undefined;
  return best.isNetwork ? best.identity.replace("*", () => ip + (zone === "" ? "" : `-${zone}`)) : best.identity;
}

function parseEntry(key: string, identity: string): Entry | undefined {
  const [address = "", zone = ""] = key.split("%");
  const [ip = "", bits] = address.split("/");
  const network = parseAddress(ip);
  if (network === undefined) return undefined;
  const offset = isIPv4(ip) ? 96 : 0;
  return {
    network,
    bits: bits === undefined ? 128 : Number(bits) + offset,
    zone,
    isNetwork: bits !== undefined,
    identity,
  };
}

/** 128 bits; IPv4 as IPv4-mapped. */
function parseAddress(ip: string): bigint | undefined {
  if (isIPv4(ip)) return 0xffff_0000_0000n + ip.split(".").reduce((sum, byte) => (sum << 8n) + BigInt(byte), 0n);
  if (!isIPv6(ip)) return undefined;
  const groupsOf = (text: string) => (text === "" ? [] : text.split(":").flatMap(embedded));
  const [left = "", right] = ip.split("::");
  const head = groupsOf(left);
  const tail = right === undefined ? [] : groupsOf(right);
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => 0n);
  return [...head, ...zeros, ...tail].reduce((sum, group) => (sum << 16n) + group, 0n);
}

/** The last 32 bits may be written as an IPv4 address. */
function embedded(group: string): bigint[] {
  if (!group.includes(".")) return [BigInt(`0x${group}`)];
  const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
  return [BigInt(a * 256 + b), BigInt(c * 256 + d)];
}
