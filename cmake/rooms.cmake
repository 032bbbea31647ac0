# The rooms of src/ and what each may use. A room is one static library, linked
# only with what its line allows; tests/check_includes.py reads the same lines and
# holds every #include "room/..." against them.
#
#   room(NAME [USES room ...] [LINKS target ...])

# The headers that take the compiler longest, compiled once for the rooms that use them, and for the
# tests with those of GoogleTest.
set(precompiled_headers
    <boost/asio/basic_stream_socket.hpp> <boost/asio/io_context.hpp> <boost/asio/ip/tcp.hpp>
    <boost/asio/post.hpp> <boost/asio/steady_timer.hpp> <boost/beast/http/basic_parser.hpp>
    <boost/system/result.hpp> <fmt/chrono.h> <fmt/format.h> <nlohmann/json.hpp>
    <algorithm> <chrono> <fstream> <functional> <iostream> <map> <memory> <optional> <sstream>
    <string> <variant> <vector>)
add_library(precompiled STATIC ${CMAKE_SOURCE_DIR}/cmake/precompiled.cpp)
target_link_libraries(precompiled PRIVATE warnings asio fmt::fmt nlohmann_json::nlohmann_json)
target_precompile_headers(precompiled PRIVATE ${precompiled_headers})
set(light_rooms base stats)
# The kernel's own <linux/tcp.h>, of which Asio brings another edition.
set_source_files_properties(src/watch/sock_diag.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON)

function(room name)
    cmake_parse_arguments(arg "" "" "USES;LINKS" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
    list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
    if(NOT sources)
        add_library(${name} INTERFACE)
        set(scope INTERFACE)
    else()
        add_library(${name} STATIC ${sources})
        set(scope PUBLIC)
        target_link_libraries(${name} PRIVATE warnings)
        if(NOT name IN_LIST light_rooms)
            target_precompile_headers(${name} REUSE_FROM precompiled)
        endif()
    endif()
    target_include_directories(${name} ${scope} ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(${name} ${scope} ${arg_USES} ${arg_LINKS})
endfunction()

room(base LINKS Boost::headers fmt::fmt)
room(stats USES base LINKS ZLIB::ZLIB)
room(net USES base LINKS asio OpenSSL::SSL PkgConfig::hiredis)
room(lab USES net stats base)
room(scenario USES base LINKS nlohmann_json::nlohmann_json)
room(plan USES scenario base LINKS nlohmann_json::nlohmann_json)
room(engine USES plan net stats base LINKS asio)
room(watch USES stats net base LINKS nlohmann_json::nlohmann_json)
room(result USES stats plan watch base LINKS nlohmann_json::nlohmann_json)
room(trial USES engine watch result plan net stats base)
room(report USES result stats base LINKS nlohmann_json::nlohmann_json)
room(cli USES base stats net lab scenario plan engine watch result trial report LINKS cli11)
room(missiond USES base net lab LINKS cpp_jwt OpenSSL::Crypto nlohmann_json::nlohmann_json cli11)

# The two programs: src/<room>/main.cpp on top of its room. The room missiond has the
# plain name already, so the program's target is missiond_program.
function(program name room)
    if(EXISTS ${CMAKE_SOURCE_DIR}/src/${room}/main.cpp)
        set(target ${name})
        if(TARGET ${name})
            set(target ${name}_program)
        endif()
        add_executable(${target} ${CMAKE_SOURCE_DIR}/src/${room}/main.cpp)
        set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name})
        target_link_libraries(${target} PRIVATE ${room} warnings)
        target_precompile_headers(${target} REUSE_FROM precompiled)
    endif()
endfunction()

program(loadline cli)
program(missiond missiond)

# The demo runs the scenarios of the installation, else those of this source tree.
target_compile_definitions(cli PRIVATE LOADLINE_SCENARIOS="${CMAKE_SOURCE_DIR}/scenarios")
