# The menu. `make demo` and `make test` install what they need; nothing asks anything.
BUILD ?= build

.PHONY: build
build: ; sh tools/install.sh build && meson setup $(BUILD) --reconfigure -Dtests=false >/dev/null && ninja -C $(BUILD)
