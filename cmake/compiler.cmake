# Language level, warnings and hardening: one interface target that every layer links.
option(SIPBRIDGE_TESTS "build the tests" ON)
option(SIPBRIDGE_FUZZ "build the fuzz targets (clang)" OFF)
set(SIPBRIDGE_SANITIZE "" CACHE STRING "sanitizers, as for -fsanitize=")

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported()

add_library(compiler_options INTERFACE)
target_compile_definitions(compiler_options INTERFACE _GNU_SOURCE SIPBRIDGE_VERSION="${PROJECT_VERSION}")
target_compile_options(compiler_options INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wundef -Werror
  -fstack-protector-strong -fno-common)
# Nothing unwinds stacks here; the tables for it would be a ninth of what is resident of the program.
target_compile_options(compiler_options INTERFACE $<$<CONFIG:RelWithDebInfo>:-fno-asynchronous-unwind-tables>)
target_link_options(compiler_options INTERFACE -Wl,-z,relro -Wl,-z,now)
if(CMAKE_BUILD_TYPE MATCHES "Release|RelWithDebInfo")
  target_compile_options(compiler_options INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-clash-protection)
endif()
if(SIPBRIDGE_SANITIZE)
  target_compile_options(compiler_options INTERFACE -fsanitize=${SIPBRIDGE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(compiler_options INTERFACE -fsanitize=${SIPBRIDGE_SANITIZE})
endif()
