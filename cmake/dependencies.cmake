# Everything loadline builds with is a Debian package of scripts/packages.txt.
# What is missing is named together with the command that installs it.

set(missing "")
macro(need found what)
    if(NOT ${found})
        list(APPEND missing "${what}")
    endif()
endmacro()

find_package(Threads REQUIRED)
find_package(Boost 1.81 QUIET)
need(Boost_FOUND libboost1.81-dev)
find_package(OpenSSL 3 QUIET)
need(OPENSSL_FOUND libssl-dev)
find_package(ZLIB QUIET)
need(ZLIB_FOUND zlib1g-dev)
find_package(fmt QUIET)
need(fmt_FOUND libfmt-dev)
find_package(nlohmann_json 3.11 QUIET)
need(nlohmann_json_FOUND nlohmann-json3-dev)
find_package(PkgConfig QUIET)
need(PkgConfig_FOUND pkg-config)
if(PkgConfig_FOUND)
    pkg_check_modules(hiredis QUIET IMPORTED_TARGET hiredis)
    need(hiredis_FOUND libhiredis-dev)
endif()
find_path(CLI11_INCLUDE CLI/CLI.hpp)
need(CLI11_INCLUDE libcli11-dev)
find_path(CPP_JWT_INCLUDE jwt/jwt.hpp)
need(CPP_JWT_INCLUDE libcpp-jwt-dev)
find_file(DYGRAPHS_JS dygraph.min.js PATHS /usr/share/javascript/dygraphs PATH_SUFFIXES dist)
need(DYGRAPHS_JS libjs-dygraphs)
find_file(DYGRAPHS_CSS NAMES dygraph.min.css dygraph.css PATHS /usr/share/javascript/dygraphs PATH_SUFFIXES dist)
need(DYGRAPHS_CSS libjs-dygraphs)
if(LOADLINE_TESTS)
    find_package(GTest QUIET)
    need(GTest_FOUND "libgtest-dev libgmock-dev")
    find_package(benchmark QUIET)
    need(benchmark_FOUND libbenchmark-dev)
    find_package(Python3 QUIET COMPONENTS Interpreter)
    need(Python3_FOUND python3)
endif()

if(missing)
    list(REMOVE_DUPLICATES missing)
    list(JOIN missing " " missing)
    message(FATAL_ERROR "missing packages: ${missing}\n"
        "   hint: run scripts/setup, or: apt-get install ${missing}")
endif()

# Third-party headers are SYSTEM: our warnings are about our code.
# Definitions are the same everywhere: one precompiled header then serves all rooms.
add_compile_definitions(
    BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_ARRAY BOOST_ASIO_DISABLE_BOOST_REGEX
    _FILE_OFFSET_BITS=64)  # which hiredis asks for
add_library(asio INTERFACE)
target_link_libraries(asio INTERFACE Boost::headers Threads::Threads)

add_library(cli11 INTERFACE)
target_include_directories(cli11 SYSTEM INTERFACE ${CLI11_INCLUDE})

add_library(cpp_jwt INTERFACE)
target_include_directories(cpp_jwt SYSTEM INTERFACE ${CPP_JWT_INCLUDE})
target_link_libraries(cpp_jwt INTERFACE OpenSSL::Crypto nlohmann_json::nlohmann_json)

add_library(warnings INTERFACE)
target_compile_options(warnings INTERFACE -Wall -Wextra -Wshadow -Wconversion
    $<$<BOOL:${LOADLINE_WERROR}>:-Werror>)
