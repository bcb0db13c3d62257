import type { Question } from "./setup.ts";
import type { Setup } from "./setups.ts";

/** What is proposed. An empty text: there is nothing to propose. @param datasets names of all filesystems and volumes here */
export function defaultAnswer(question: Question, setup: Setup, datasets: readonly string[]): string {
  const pools = datasets.filter((name) => !name.includes("/"));
  const [first = "", second = first] = pools;
  switch (question) {
    case "filesystems":
      return first === "" ? "" : `${first}<`;
    case "rootFs": {
      const pool = setup === "local" ? second : first;
      return pool === "" ? "" : `${pool}/backups`;
    }
    case "host":
    case "clients":
      return "";
    case "user":
      return "root";
    case "identityFile":
      return "/etc/zrepl-run/ssh_key";
    case "interval":
      return setup === "pull" ? "1h" : "15m";
  }
}
