# stopped-readers: opens streams of a job and does not read them until SIGUSR1. Perl, since Node sets no socket options.
# ARGV    port on 127.0.0.1, path, how many, how many of them read on
# STDOUT  `open` when all are requested; after SIGUSR1 a line for each that reads on: what it had before its cut, in hex
use strict;
use warnings;
use Socket qw(:DEFAULT IPPROTO_TCP TCP_MAXSEG);

my ($port, $path, $count, $reading) = @ARGV;
my $told = 0;
$SIG{USR1} = sub { $told = 1 };
$| = 1;

my @readers;
for (1 .. $count) {
    socket(my $reader, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
    # Ethernet's segment size. Loopback's is 64 KiB, and the kernel gives a sender room for twenty: 4 MB for each reader,
    # which for 1,000 is more than it gives to all connections of an ordinary machine.
    setsockopt($reader, IPPROTO_TCP, TCP_MAXSEG, 1460) or die "TCP_MAXSEG: $!";
    setsockopt($reader, SOL_SOCKET, SO_RCVBUF, 4096) or die "SO_RCVBUF: $!";
    connect($reader, pack_sockaddr_in($port, inet_aton('127.0.0.1'))) or die "connect: $!";
    my $request = "GET $path HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
    defined(syswrite($reader, $request)) or die "write: $!";
    push @readers, $reader;
}
print "open\n";

select(undef, undef, undef, 0.05) until $told;
for my $reader (@readers[0 .. $reading - 1]) {
    my $answer = '';
    while (sysread($reader, my $bytes, 65536)) { $answer .= $bytes }
    close($reader);
    print unpack('H*', $answer), "\n";
}
