package sandbox

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// listenInside brings loopback up and makes the sockets of a new network namespace: TCP in the order of ports, then UDP 53 if dns.
func listenInside(ports []int, dns bool) ([]int, error) {
	if err := loopbackUp(); err != nil {
		return nil, err
	}
	var fds []int
	for _, port := range ports {
		fd, err := bound(unix.SOCK_STREAM, port)
		if err != nil {
			return nil, err
		}
		if err := unix.Listen(fd, 128); err != nil {
			return nil, fmt.Errorf("network: listen on %d: %w", port, err)
		}
		fds = append(fds, fd)
	}
	if dns {
		fd, err := bound(unix.SOCK_DGRAM, 53)
		if err != nil {
			return nil, err
		}
		fds = append(fds, fd)
	}
	return fds, nil
}

// loopbackUp gives the namespace 127.0.0.0/8; the kernel adds the addresses.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("network: %w", err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("network: %w", err)
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req); err != nil {
		return fmt.Errorf("network: bring loopback up: %w", err)
	}
	return nil
}

func bound(kind, port int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("network: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: port}); err != nil {
		return 0, fmt.Errorf("network: bind %d: %w", port, err)
	}
	return fd, nil
}

// adopt makes the server's ends of what listenInside made. It takes the descriptors, also when it fails.
func adopt(fds []int, ports []int, dns bool) (Sockets, error) {
	s := Sockets{TCP: map[int]net.Listener{}}
	files := make([]*os.File, len(fds))
	for i, fd := range fds {
		unix.SetNonblock(fd, true)
		files[i] = os.NewFile(uintptr(fd), "worker socket")
		defer files[i].Close() // the net package has its own duplicates
	}
	want := len(ports)
	if dns {
		want++
	}
	if len(fds) != want {
		return s, fmt.Errorf("network: %d sockets instead of %d", len(fds), want)
	}
	for i, port := range ports {
		l, err := net.FileListener(files[i])
		if err != nil {
			s.close()
			return s, err
		}
		s.TCP[port] = l
	}
	if dns {
		c, err := net.FilePacketConn(files[len(ports)])
		if err != nil {
			s.close()
			return s, err
		}
		s.DNS = c
	}
	return s, nil
}
