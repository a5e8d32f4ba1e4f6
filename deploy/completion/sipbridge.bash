# bash completion for sipbridge. Made by `sipbridge docs completion-bash`; do not edit.
# shellcheck shell=bash disable=SC2034

# What may stand in the command $path: for its caller's variables.
_sipbridge_know() {
  words='' verbs='' options='' files='' values='' takes_files=''
  case $path in
  '') words='serve replay verify setup rules agents trunks dispatch calls list-rooms clear-sip-bridge clear-rooms status reload doctor explain report token config simulate docs' verbs=yes options='--help --version' ;;
  'serve') options='--env-file --help' files='--env-file' ;;
  'replay') options='--url --speed --as-recorded --dry-run --env-file --help' files='--env-file' values='--url --speed' takes_files=yes ;;
  'verify') options='--at --authorization --env-file --help' files='--env-file' values='--at --authorization' takes_files=yes ;;
  'setup') options='--agent --allowed-address --auth-user --password-file --json --env-file --help' files='--password-file --env-file' values='--agent --allowed-address --auth-user' ;;
  'rules') words='list check explain add remove import' verbs=yes options='--help' ;;
  'rules list') options='--json --env-file --help' files='--env-file' ;;
  'rules check') options='--env-file --help' files='--env-file' takes_files=yes ;;
  'rules explain') options='--caller --trunk --room-agent --json --env-file --help' files='--env-file' values='--caller --trunk --room-agent' ;;
  'rules add') options='--caller --trunk --priority --metadata --reject --at --json --env-file --help' files='--env-file' values='--caller --trunk --priority --metadata --at' ;;
  'rules remove') options='--yes --json --env-file --help' files='--env-file' ;;
  'rules import') options='--append --force --yes --json --env-file --help' files='--env-file' takes_files=yes ;;
  'agents') words='list check' verbs=yes options='--help' ;;
  'agents list') options='--json --env-file --help' files='--env-file' ;;
  'agents check') options='--env-file --help' files='--env-file' takes_files=yes ;;
  'trunks') words='list create update delete' verbs=yes options='--help' ;;
  'trunks list') options='--json --env-file --help' files='--env-file' ;;
  'trunks create') options='--number --allowed-address --allowed-number --name --metadata --auth-user --password-file --json --env-file --help' files='--password-file --env-file' values='--number --allowed-address --allowed-number --name --metadata --auth-user' ;;
  'trunks update') options='--trunk-id --number --add-number --remove-number --allowed-address --add-allowed-address --remove-allowed-address --allowed-number --add-allowed-number --remove-allowed-number --clear --name --metadata --auth-user --password-file --json --env-file --help' files='--password-file --env-file' values='--trunk-id --number --add-number --remove-number --allowed-address --add-allowed-address --remove-allowed-address --allowed-number --add-allowed-number --remove-allowed-number --clear --name --metadata --auth-user' ;;
  'trunks delete') options='--yes --json --env-file --help' files='--env-file' ;;
  'dispatch') words='list create delete' verbs=yes options='--help' ;;
  'dispatch list') options='--json --env-file --help' files='--env-file' ;;
  'dispatch create') options='--name --prefix --callee --direct --no-random --trunk-id --number --caller --hide-phone-number --room-metadata --metadata --json --env-file --help' files='--env-file' values='--name --prefix --direct --trunk-id --number --caller --room-metadata --metadata' ;;
  'dispatch delete') options='--yes --json --env-file --help' files='--env-file' ;;
  'calls') words='list logs stop' verbs=yes options='--help' ;;
  'calls list') options='--json --url --env-file --help' files='--env-file' values='--url' ;;
  'calls logs') options='--follow --env-file --help' files='--env-file' ;;
  'calls stop') options='--yes --json --url --env-file --help' files='--env-file' values='--url' ;;
  'list-rooms') options='--json --env-file --help' files='--env-file' ;;
  'clear-sip-bridge') options='--yes --wait --json --url --env-file --help' files='--env-file' values='--wait --url' ;;
  'clear-rooms') options='--yes --json --env-file --help' files='--env-file' ;;
  'status') options='--json --watch --url --env-file --help' files='--env-file' values='--url' ;;
  'reload') options='--url --env-file --help' files='--env-file' values='--url' ;;
  'doctor') options='--json --webhook-url --webhook-ca --wait --fix --yes --env-file --help' files='--webhook-ca --env-file' values='--webhook-url --wait' ;;
  'explain') options='--help' ;;
  'report') options='--json --png --help' files='--png' takes_files=yes ;;
  'token') options='--reader --ttl --env-file --help' files='--env-file' values='--ttl' ;;
  'config') options='--json --env-file --help' files='--env-file' ;;
  'simulate') options='--calls --seed --trace --tape --json --help' values='--calls --seed --trace --tape' ;;
  'docs') options='--help' words='man settings commands doctor metrics call-log life exits messages messages-json health completion-bash completion-zsh' ;;
  esac
}

_sipbridge_has() { # LIST WORD
  [[ " $1 " == *" $2 "* ]]
}

_sipbridge_files() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "$word")
}

_sipbridge() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} path='' i
  local words verbs options files values takes_files
  COMPREPLY=()
  if [[ $word == '=' ]]; then
    word=''
  elif [[ $before == '=' ]]; then
    before=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  _sipbridge_know
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ -n $verbs ]] && _sipbridge_has "$words" "${COMP_WORDS[i]}"; then
      path=${path:+$path }${COMP_WORDS[i]}
      _sipbridge_know
    fi
  done
  if _sipbridge_has "$files" "$before"; then
    _sipbridge_files
  elif _sipbridge_has "$values" "$before"; then
    return
  elif [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
  elif [[ -n $takes_files ]]; then
    _sipbridge_files
  else
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
  fi
}

complete -F _sipbridge sipbridge
