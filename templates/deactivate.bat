@rem made by sfxpack: undoes `activate`

@if not defined _SFXPACK_ROOT @exit /b 0
@set "_SFXPACK_FOLDER=%_SFXPACK_ROOT%\etc\conda\deactivate.d"
@for /f "delims=" %%i in ('dir /b /o-n "%%_SFXPACK_FOLDER%%\*.bat" 2^>nul') do @call :run "%%i"
@set "PATH=%_SFXPACK_OLD_PATH%"
@set "PROMPT=%_SFXPACK_OLD_PROMPT%"
@set "CONDA_PREFIX=%_SFXPACK_OLD_CONDA_PREFIX%"
@set "CONDA_DEFAULT_ENV=%_SFXPACK_OLD_CONDA_DEFAULT_ENV%"
@set "CONDA_PROMPT_MODIFIER=%_SFXPACK_OLD_CONDA_PROMPT_MODIFIER%"
@rem sfxpack restores the environment's own variables here
@for %%i in (FOLDER SCRIPT ROOT OLD_PATH OLD_PROMPT) do @set "_SFXPACK_%%i="
@for %%i in (OLD_CONDA_PREFIX OLD_CONDA_DEFAULT_ENV OLD_CONDA_PROMPT_MODIFIER) do @set "_SFXPACK_%%i="
@exit /b 0

:run
@set "_SFXPACK_SCRIPT=%_SFXPACK_FOLDER%\%~1"
@"%_SFXPACK_SCRIPT%"
