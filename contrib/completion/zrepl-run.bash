# bash completion of zrepl-run; for all users: /usr/share/bash-completion/completions/zrepl-run
_zrepl_run() {
  local i
  mapfile -t COMPREPLY < <(SHELL=bash "$1" --get-yargs-completions "${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null)
  for i in "${!COMPREPLY[@]}"; do COMPREPLY[i]=$(printf %q "${COMPREPLY[i]}"); done
}
complete -o default -F _zrepl_run zrepl-run
