import { isIP } from "node:net";
import { componentProblem } from "../../zfs/name.ts";

const LONGEST_IPV4 = "255.255.255.255";
const LONGEST_IPV6 = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";

/**
 * What is wrong with an entry of `serve.clients` (§8.4): an address gives its identity as it is, a network (`10.0.0.0/8`)
 * needs exactly one `*` in it, which stands for the client's address. Both may carry a zone (`fe80::/16%eth1`).
 */
export function clientMapProblem(key: string, identity: string): string | undefined {
  const [address = "", zone, ...moreZones] = key.split("%");
  const [ip = "", bits, ...moreBits] = address.split("/");
  const version = isIP(ip);
  if (version === 0 || moreZones.length > 0 || moreBits.length > 0 || zone === "")
    return `${JSON.stringify(key)} is neither an IP address nor a network such as 10.0.0.0/8`;
  const stars = identity.split("*").length - 1;
  if (bits === undefined) return stars > 0 ? "must not contain * for a single address" : identityProblem(identity);
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > (version === 4 ? 32 : 128))
    return `${JSON.stringify(key)} is not a network: the number after / is wrong`;
  if (stars !== 1) return "must contain exactly one * for a network; it stands for the client's address";
  const longest = (version === 4 ? LONGEST_IPV4 : LONGEST_IPV6) + (zone === undefined ? "" : `-${zone}`);
  return identityProblem(identity.replace("*", longest));
}

/** What is wrong with a client identity (§8.2): it becomes one component of a filesystem's name. */
export function identityProblem(identity: string): string | undefined {
  const problem = componentProblem(identity);
  return problem && `identity ${problem}; must be usable as one component of a filesystem's name`;
}
