# made by sfxpack: run it in PowerShell; `deactivate` undoes it

# What is active here, a venv included, is left first.
if ((Test-Path env:_SFXPACK_ROOT) -or (Test-Path env:_OLD_VIRTUAL_PATH) -or (Test-Path function:_OLD_VIRTUAL_PROMPT)) {
    if (Test-Path function:deactivate) {
        deactivate -NonDestructive
    }
}

function global:_sfxpack_set([string] $Name, $Value) {
    if (-not $global:_SfxpackOld.ContainsKey($Name)) {
        $global:_SfxpackOld[$Name] = [Environment]::GetEnvironmentVariable($Name)
    }
    if ($null -eq $Value) {
        Remove-Item -LiteralPath "env:$Name" -ErrorAction SilentlyContinue
    } else {
        Set-Item -LiteralPath "env:$Name" -Value $Value
    }
}

function global:_sfxpack_scripts([string] $Below) {
    $folder = [IO.Path]::Combine($env:_SFXPACK_ROOT, 'etc', 'conda', $Below)
    Get-ChildItem -LiteralPath $folder -Filter '*.ps1' -ErrorAction SilentlyContinue | Sort-Object -Property Name
}

function global:deactivate([switch] $NonDestructive) {
    $scripts = @(_sfxpack_scripts 'deactivate.d')
    [array]::Reverse($scripts)
    foreach ($script in $scripts) {
        . $script.FullName
    }
    foreach ($name in @($global:_SfxpackOld.Keys)) {
        _sfxpack_set $name $global:_SfxpackOld[$name]
    }
    if (Test-Path function:_sfxpack_prompt) {
        Copy-Item -Path function:_sfxpack_prompt -Destination function:prompt -Force
        Remove-Item -Path function:_sfxpack_prompt
    }
    if (-not $NonDestructive) {
        Remove-Item -Path 'function:deactivate', 'function:_sfxpack_set', 'function:_sfxpack_scripts'
    }
    Remove-Variable -Name _SfxpackOld -Scope Global
}

$global:_SfxpackOld = @{}
& {
    $root = [IO.Path]::GetFullPath([IO.Path]::Combine($PSScriptRoot, '..'))
    $name = [IO.Path]::GetFileName($root)
    $folders = @('') + @('Library\mingw-w64\bin', 'Library\usr\bin', 'Library\bin', 'Scripts', 'bin' | ForEach-Object { "\$_" })
    $path = @($folders | ForEach-Object { "$root$_" }) + @($env:PATH)
    _sfxpack_set '_SFXPACK_ROOT' $root
    _sfxpack_set 'PATH' ($path -join ';')
    if (Test-Path -LiteralPath "$root\conda-meta") {
        _sfxpack_set 'CONDA_PREFIX' $root
        _sfxpack_set 'CONDA_DEFAULT_ENV' $name
        _sfxpack_set 'CONDA_PROMPT_MODIFIER' "($name) "
    }
    if (-not $env:VIRTUAL_ENV_DISABLE_PROMPT) {
        $global:_SfxpackName = $name
        Copy-Item -Path function:prompt -Destination function:global:_sfxpack_prompt
        function global:prompt {
            Write-Host -NoNewline "($_SfxpackName) "
            _sfxpack_prompt
        }
    }
# sfxpack puts the environment's own variables here
    foreach ($script in @(_sfxpack_scripts 'activate.d')) {
        . $script.FullName
    }
}
