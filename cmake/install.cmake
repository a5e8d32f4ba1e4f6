# cmake --install, and the Debian package (cmake --build --preset release --target package). Settings are in /etc/sipbridge
# and state in /var/lib/sipbridge whatever the prefix: the manual page, the units and the defaults name these. What an
# administrator edits is installed only where it is not there yet. DESTDIR is honoured.
include(GNUInstallDirs)
find_program(GZIP gzip REQUIRED)

install(TARGETS sipbridge RUNTIME)
install(FILES deploy/completion/sipbridge.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
  RENAME sipbridge)
install(FILES deploy/systemd/sipbridge.socket deploy/systemd/sipbridge-admin.socket DESTINATION lib/systemd/system)
install(FILES deploy/systemd/sipbridge.sysusers DESTINATION lib/sysusers.d RENAME sipbridge.conf)
install(FILES deploy/debian/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY doc/ DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN *.md)
install(FILES deploy/systemd/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME systemd.md)
install(DIRECTORY deploy/nginx deploy/caddy deploy/haproxy deploy/apache DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES deploy/sipbridge.env.example DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES deploy/debian/lintian-overrides DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides RENAME sipbridge)

set(CPACK_GENERATOR DEB)
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_NAME sipbridge)
set(CPACK_PACKAGE_CONTACT "sipbridge contributors <packages@sipbridge.example.com>" CACHE STRING "who makes the package")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "starts the AI agents that answer LiveKit's SIP calls")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "LiveKit tells sipbridge by signed webhook that a phone call has made a room.
sipbridge decides by rules which agent answers, starts that agent's process
within milliseconds, and stops it when the call is over. Calls outlive a
restart and an upgrade.
.
The service is neither enabled nor started by the package: it needs LiveKit's
key first. See /etc/sipbridge/sipbridge.env.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION comm)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS adduser)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates, logrotate")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "redis-server, nginx | caddy | haproxy | apache2")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
foreach(script conffiles postinst prerm postrm)
  list(APPEND CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/deploy/debian/${script})
endforeach()
configure_file(cmake/install_script.cmake.in ${CMAKE_BINARY_DIR}/install_script.cmake @ONLY)
install(SCRIPT ${CMAKE_BINARY_DIR}/install_script.cmake)
include(CPack)
