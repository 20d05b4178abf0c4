# What `cmake --install` puts where, and the Debian package made of it (cpack -G DEB). The program finds its data in
# ../share/clawtrace beside its own folder, so the installed tree may be moved as a whole.
include(GNUInstallDirs)
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)  # installing needs the program, not the tests

install(TARGETS clawtrace RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS clawtrace_workplace RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/clawtrace)
install(FILES ${PROJECT_SOURCE_DIR}/data/prices.tsv DESTINATION ${CMAKE_INSTALL_DATADIR}/clawtrace)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/prompts DESTINATION ${CMAKE_INSTALL_DATADIR}/clawtrace FILES_MATCHING PATTERN "*.md")
install(DIRECTORY ${PROJECT_SOURCE_DIR}/schemas DESTINATION ${CMAKE_INSTALL_DATADIR}/clawtrace FILES_MATCHING PATTERN "*.json")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/clawtrace RENAME copyright)

# Shell completion is printed by the program that was built; zsh of Debian looks in another folder below /usr.
install(CODE "
  set(program \"$<TARGET_FILE:clawtrace>\")
  set(made \"${PROJECT_BINARY_DIR}/completions\")
  set(share \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}\")")
install(CODE [[
  file(MAKE_DIRECTORY "${made}")
  set(zsh site-functions)
  if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
    set(zsh vendor-completions)
  endif()
  foreach(place "bash|bash-completion/completions|clawtrace" "zsh|zsh/${zsh}|_clawtrace"
                "fish|fish/vendor_completions.d|clawtrace.fish")
    string(REPLACE "|" ";" place "${place}")
    list(GET place 0 shell)
    list(GET place 1 folder)
    list(GET place 2 name)
    execute_process(COMMAND "${program}" completion ${shell} OUTPUT_FILE "${made}/${name}" COMMAND_ERROR_IS_FATAL ANY)
    file(INSTALL "${made}/${name}" DESTINATION "${share}/${folder}")
  endforeach()
]])

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME clawtrace)
set(CPACK_PACKAGE_VENDOR "ClawTrace")
set(CPACK_PACKAGE_CONTACT "ClawTrace maintainers <maintainers@clawtrace.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "cost-exact cards and skills from LLM agent logs")
set(CPACK_PACKAGE_DESCRIPTION "ClawTrace reads the logs that LLM agents leave on disk, says what each step of a session cost,
what was wasted and what failed, and distils many sessions into rules of an agent skill.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
include(CPack)
