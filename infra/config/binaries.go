package config

import (
	"debug/elf"
	"errors"
	"fmt"
	"path/filepath"
)

// Functions lists the folders of the Lambda functions.
func Functions() []string {
	return []string{"discover-instances", "snapshot-volume", "prune-volume", "report-run", "check-freshness", "tidy-orphans"}
}

// CheckBinaries checks that all functions in the folder are built for this architecture. Without it, nobody would notice before
// the first run.
func CheckBinaries(folder, architecture string) error {
	machine, build := elf.EM_AARCH64, "make build"
	if architecture == X8664 {
		machine, build = elf.EM_X86_64, "make build ARCH=amd64"
	}
	var faults FaultErrors
	for _, f := range Functions() {
		path := filepath.Join(folder, f, "bootstrap")
		if err := checkBinary(path, machine); err != nil {
			faults = append(faults, Fault{path, err.Error(), fmt.Sprintf("Run `%s`, which builds it for %s", build, architecture)})
		}
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

func checkBinary(path string, machine elf.Machine) error {
	file, err := elf.Open(path)
	if err != nil {
		return errors.New("there is no program here")
	}
	found := file.Machine
	if err := file.Close(); err != nil {
		return err
	}
	if found != machine {
		return fmt.Errorf("it is built for %v", found)
	}
	return nil
}
