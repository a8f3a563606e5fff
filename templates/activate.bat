@rem made by sfxpack: `activate` in cmd, `call activate` in a script; `deactivate` undoes it
@rem No path is inside of parentheses or an argument of `call`, which take `)` and `%` in it for their own.

@set "_SFXPACK_FOLDER=%VIRTUAL_ENV%\Scripts"
@if defined _OLD_VIRTUAL_PATH @if exist "%_SFXPACK_FOLDER%\deactivate.bat" @call :run deactivate.bat
@set "_SFXPACK_FOLDER=%_SFXPACK_ROOT%\Scripts"
@if defined _SFXPACK_ROOT @if exist "%_SFXPACK_FOLDER%\deactivate.bat" @call :run deactivate.bat
@for %%i in ("%~dp0..") do @set "_SFXPACK_ROOT=%%~fi"
@for %%i in ("%_SFXPACK_ROOT%") do @set "_SFXPACK_NAME=%%~nxi"

@set "_SFXPACK_OLD_PATH=%PATH%"
@set "_SFXPACK_OLD_PROMPT=%PROMPT%"
@set "PATH=%_SFXPACK_ROOT%\Library\bin;%_SFXPACK_ROOT%\Scripts;%_SFXPACK_ROOT%\bin;%PATH%"
@set "PATH=%_SFXPACK_ROOT%;%_SFXPACK_ROOT%\Library\mingw-w64\bin;%_SFXPACK_ROOT%\Library\usr\bin;%PATH%"
@if defined PROMPT @if not defined VIRTUAL_ENV_DISABLE_PROMPT @set "PROMPT=(%_SFXPACK_NAME%) %PROMPT%"
@set "_SFXPACK_OLD_CONDA_PREFIX=%CONDA_PREFIX%"
@set "_SFXPACK_OLD_CONDA_DEFAULT_ENV=%CONDA_DEFAULT_ENV%"
@set "_SFXPACK_OLD_CONDA_PROMPT_MODIFIER=%CONDA_PROMPT_MODIFIER%"
@if exist "%_SFXPACK_ROOT%\conda-meta\*" @set "CONDA_PREFIX=%_SFXPACK_ROOT%"
@if exist "%_SFXPACK_ROOT%\conda-meta\*" @set "CONDA_DEFAULT_ENV=%_SFXPACK_NAME%"
@if exist "%_SFXPACK_ROOT%\conda-meta\*" @set "CONDA_PROMPT_MODIFIER=(%_SFXPACK_NAME%) "
@rem sfxpack puts the environment's own variables here
@set "_SFXPACK_FOLDER=%_SFXPACK_ROOT%\etc\conda\activate.d"
@for /f "delims=" %%i in ('dir /b /on "%%_SFXPACK_FOLDER%%\*.bat" 2^>nul') do @call :run "%%i"
@set "_SFXPACK_NAME="
@set "_SFXPACK_FOLDER="
@set "_SFXPACK_SCRIPT="
@exit /b 0

:run
@set "_SFXPACK_SCRIPT=%_SFXPACK_FOLDER%\%~1"
@"%_SFXPACK_SCRIPT%"
