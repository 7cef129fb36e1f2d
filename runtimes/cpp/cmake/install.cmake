# cmake --install, find_package(restorect), pkg-config, and Debian packages by `cpack -G DEB`.
include(CMakePackageConfigHelpers)

install(TARGETS restorect EXPORT restorectTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  COMPONENT runtime NAMELINK_COMPONENT development)
install(DIRECTORY include/restorect DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
set(config ${CMAKE_INSTALL_LIBDIR}/cmake/restorect)
install(EXPORT restorectTargets NAMESPACE restorect:: FILE restorectConfig.cmake DESTINATION ${config}
  COMPONENT development)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/restorectConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
file(RELATIVE_PATH up /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(cmake/restorect.pc.in restorect.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/restorectConfigVersion.cmake DESTINATION ${config} COMPONENT development)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/restorect.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
  COMPONENT development)
if(TARGET restorect-camera)
  install(TARGETS restorect-camera RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT gstreamer)
endif()
if(TARGET gstrestorect)
  install(TARGETS gstrestorect LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/gstreamer-1.0 COMPONENT gstreamer)
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR restorect)
set(CPACK_PACKAGE_CONTACT "restorect <restorect@users.noreply.github.com>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Image restoration with artifacts of restorect_edge")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL runtime development)
if(TARGET gstrestorect)
  list(APPEND CPACK_COMPONENTS_ALL gstreamer)
endif()
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
# OpenVINO is where it was linked (pip's wheel belongs to no package), so the rest is named by hand.
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME librestorect${PROJECT_VERSION_MAJOR})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_DEPENDS "libc6, libgcc-s1, libstdc++6, libssl3 | libssl3t64")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_SOURCE_DIR}/cmake/triggers)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME librestorect-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "librestorect${PROJECT_VERSION_MAJOR} (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_GSTREAMER_PACKAGE_NAME gstreamer1.0-restorect)
set(CPACK_DEBIAN_GSTREAMER_PACKAGE_DEPENDS "librestorect${PROJECT_VERSION_MAJOR} (= ${PROJECT_VERSION}), \
libgstreamer1.0-0, libgstreamer-plugins-base1.0-0, gstreamer1.0-plugins-base, gstreamer1.0-plugins-good")
include(CPack)
