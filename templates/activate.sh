# shellcheck shell=sh
# made by sfxpack: `. bin/activate` in sh, bash or zsh; `deactivate` undoes it

# A venv's own function knows best how to undo what it did.
if [ -n "${_OLD_VIRTUAL_PATH-}" ]; then
    case $(command -v deactivate || :) in
    deactivate)
        # shellcheck disable=SC2218
        deactivate
        ;;
    esac
fi

_sfxpack_save() {
    case " ${_SFXPACK_SAVED-}" in
    *" $1 "*) return 0 ;;
    esac
    eval "_SFXPACK_HAD_$1=\${$1+set} _SFXPACK_OLD_$1=\${$1-}"
    _SFXPACK_SAVED="$1 ${_SFXPACK_SAVED-}"
}

_sfxpack_export() {
    _sfxpack_save "$1"
    eval "$1=\$2"
    export "${1?}"
}

# Scripts of packages may neither know `set -u` nor `set -e`; zsh stops at patterns that match nothing.
_sfxpack_source_all() {
    _sfxpack_options=$-
    set +eu
    if [ -n "${ZSH_VERSION-}" ]; then
        setopt local_options no_nomatch
    fi
    _sfxpack_order=$2
    for _sfxpack_script in "$1"/*.sh; do
        if [ "$_sfxpack_order" = last-first ]; then
            set -- "$_sfxpack_script" "$@"
        else
            set -- "$@" "$_sfxpack_script"
        fi
    done
    for _sfxpack_script in "$@"; do
        case $_sfxpack_script in
        *.sh) if [ -f "$_sfxpack_script" ]; then _sfxpack_source "$_sfxpack_script"; fi ;;
        esac
    done
    case $_sfxpack_options in *u*) set -u ;; esac
    case $_sfxpack_options in *e*) set -e ;; esac
}

_sfxpack_source() {
    # shellcheck disable=SC1090
    . "$1"
}

deactivate() {
    if [ -n "${_SFXPACK_ROOT-}" ]; then
        _sfxpack_source_all "$_SFXPACK_ROOT/etc/conda/deactivate.d" last-first
        _sfxpack_path=":$PATH:"
        case $_sfxpack_path in
        *":$_SFXPACK_ROOT/bin:"*)
            _sfxpack_path=${_sfxpack_path%%":$_SFXPACK_ROOT/bin:"*}:${_sfxpack_path#*":$_SFXPACK_ROOT/bin:"}
            _sfxpack_path=${_sfxpack_path#:}
            PATH=${_sfxpack_path%:}
            ;;
        esac
        while [ -n "${_SFXPACK_SAVED-}" ]; do
            _sfxpack_name=${_SFXPACK_SAVED%% *}
            _SFXPACK_SAVED=${_SFXPACK_SAVED#* }
            eval "_sfxpack_had=\$_SFXPACK_HAD_$_sfxpack_name"
            if [ -n "$_sfxpack_had" ]; then
                eval "$_sfxpack_name=\$_SFXPACK_OLD_$_sfxpack_name"
            else
                unset "$_sfxpack_name"
            fi
            unset "_SFXPACK_HAD_$_sfxpack_name" "_SFXPACK_OLD_$_sfxpack_name"
        done
        unset _SFXPACK_ROOT _SFXPACK_SAVED _sfxpack_path _sfxpack_name _sfxpack_had
        unset _sfxpack_options _sfxpack_order _sfxpack_script
    fi
    hash -r 2>/dev/null || :
    if [ "${1-}" != again ]; then
        unset -f deactivate _sfxpack_save _sfxpack_export _sfxpack_source _sfxpack_source_all _sfxpack_activate
    fi
}

_sfxpack_activate() {
    _SFXPACK_ROOT=$1
    _sfxpack_name=${1##*/}
    PATH=$1/bin${PATH:+:$PATH}
    export PATH
    if [ -f "$1/pyvenv.cfg" ]; then
        _sfxpack_export VIRTUAL_ENV "$1"
        _sfxpack_export VIRTUAL_ENV_PROMPT "$_sfxpack_name"
        _sfxpack_save PYTHONHOME
        unset PYTHONHOME
    else
        _sfxpack_export CONDA_PREFIX "$1"
        _sfxpack_export CONDA_DEFAULT_ENV "$_sfxpack_name"
        _sfxpack_export CONDA_PROMPT_MODIFIER "($_sfxpack_name) "
    fi
    if [ -z "${VIRTUAL_ENV_DISABLE_PROMPT-}" ] && [ -n "${PS1-}" ]; then
        _sfxpack_save PS1
        PS1="($_sfxpack_name) $PS1"
    fi
# sfxpack puts the environment's own variables here
    _sfxpack_source_all "$1/etc/conda/activate.d" first-first
    hash -r 2>/dev/null || :
}

# Where this file lies: bash and zsh tell, so that it holds after `mv` too; others are told by the line below.
_sfxpack_self=
if [ -n "${BASH_VERSION-}" ]; then
    eval '_sfxpack_self=${BASH_SOURCE[0]-}'
elif [ -n "${ZSH_VERSION-}" ]; then
    eval '_sfxpack_self=${(%):-%x}'
fi
case $_sfxpack_self in
*/*) _sfxpack_root=$(unset -f cd 2>/dev/null || :; CDPATH='' \cd -- "${_sfxpack_self%/*}/.." 2>/dev/null && pwd) || : ;;
?*) _sfxpack_root=$(unset -f cd 2>/dev/null || :; \cd .. && pwd) || : ;;
*) _sfxpack_root= ;;
esac
if [ ! -f "$_sfxpack_root/pyvenv.cfg" ] && [ ! -d "$_sfxpack_root/conda-meta" ]; then
    IFS= read -r _sfxpack_root <<'SFXPACK_PREFIX'
/sfxpack/writes/the/prefix/here
SFXPACK_PREFIX
fi
unset _sfxpack_self

if [ -f "$_sfxpack_root/bin/activate" ]; then
    deactivate again
    _sfxpack_activate "$_sfxpack_root"
    unset _sfxpack_root
else
    echo "activate: $_sfxpack_root is not there; if the environment was moved, activate it in bash or zsh" >&2
    unset _sfxpack_root
    false
fi
