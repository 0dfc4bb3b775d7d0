# Completion of smtpdb(1) for bash; the words come from smtpdb itself.

_smtpdb() {
	local cur=${COMP_WORDS[COMP_CWORD]} command="" i

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-d | --database) ((i++)) ;;
		-* | =) ;;
		*)
			command=${COMP_WORDS[i]}
			break
			;;
		esac
	done
	COMPREPLY=()
	case $command,$cur in
	,-*) mapfile -t COMPREPLY < <(compgen -W '--database= --help --version' -- "$cur") ;;
	,*) mapfile -t COMPREPLY < <(compgen -W "$(smtpdb complete)" -- "$cur") ;;
	*,-*) mapfile -t COMPREPLY < <(compgen -W "$(smtpdb complete "$command")" -- "$cur") ;;
	domain,* | mailbox,* | alias,* | rule,*)
		((COMP_CWORD == i + 1)) && mapfile -t COMPREPLY < <(compgen -W 'add rm list' -- "$cur")
		;;
	*) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	esac
	[[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace
	return 0
}
complete -F _smtpdb smtpdb
