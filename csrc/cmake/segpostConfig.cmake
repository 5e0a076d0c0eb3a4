# find_package(segpost) gives segpost::segpost: the headers and the library of an installed package.
# Where it is: `python -m segpost --cmakedir`.
get_filename_component(segpost_root "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET segpost::segpost)
    add_library(segpost::segpost SHARED IMPORTED)
    set_target_properties(segpost::segpost PROPERTIES
        IMPORTED_LOCATION "${segpost_root}/lib/libsegpost.so"
        IMPORTED_NO_SONAME TRUE
        INTERFACE_INCLUDE_DIRECTORIES "${segpost_root}/include")
endif()
