package config

import (
	"debug/elf"
	"errors"
	"fmt"
	"path/filepath"
)

// Functions are the folders of the functions.
func Functions() []string {
	return []string{"discover-instances", "snapshot-volume", "prune-volume", "report-run", "check-freshness", "tidy-orphans"}
}

// CheckBinaries says whether the functions in the folder were built, for this architecture: Lambda would find out at the first
// run only.
func CheckBinaries(folder, architecture string) error {
	machine, build := elf.EM_AARCH64, "make build"
	if architecture == X8664 {
		machine, build = elf.EM_X86_64, "make build ARCH=amd64"
	}
	var faults FaultErrors
	for _, f := range Functions() {
		path := filepath.Join(folder, f, "bootstrap")
		if err := checkBinary(path, machine); err != nil {
			faults = append(faults, Fault{path, err.Error(), fmt.Sprintf("Run `%s`, which makes it for %s", build, architecture)})
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
		return errors.New("there is no program")
	}
	found := file.Machine
	if err := file.Close(); err != nil {
		return err
	}
	if found != machine {
		return fmt.Errorf("it is for %v", found)
	}
	return nil
}
