# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A certificate authority for one test, made with openssl: who trusts it can
# verify the servers that it vouches for, and nobody else does.

package Stentor::Authority;

use v5.36;

use POSIX ();

use Stentor::Node;

my @RSA = qw(rsa:2048);
my @ECDSA = qw(ec -pkeyopt ec_paramgen_curve:prime256v1);


# new(dir => where its files go, name => also of those files, ecdsa => 1: with
# P-256 instead of RSA): the certificate to trust is in {pem}.

sub new($class, %o) {
    my $self = bless { name => 'authority', issued => 0, %o }, $class;
    my $base = "$self->{dir}/$self->{name}";

    $self->{key} = ['-nodes', '-newkey', $self->{ecdsa} ? @ECDSA : @RSA];
    $self->{pem} = "$base.pem";
    $self->openssl(qw(req -x509 -days 2), @{ $self->{key} },
                   '-subj', "/CN=$self->{name}",
                   '-keyout', "$base.key", '-out', $self->{pem});

    return $self;
}


# The paths of a new certificate for a server of this host name, or numeric
# address, and of its key.

sub issue($self, $host = 'localhost') {
    my $base = "$self->{dir}/$self->{name}-" . ++$self->{issued};
    my $ca = "$self->{dir}/$self->{name}.key";

    my $kind = $host =~ /^[\d.]+$|:/ ? 'IP' : 'DNS';

    Stentor::Node::spew("$base.ext", "subjectAltName = $kind:$host\n");
    $self->openssl('req', @{ $self->{key} }, '-subj', "/CN=$host",
                   '-keyout', "$base.key", '-out', "$base.csr");
    $self->openssl(qw(x509 -req -days 2 -CAcreateserial),
                   '-in', "$base.csr", '-extfile', "$base.ext",
                   '-CA', $self->{pem}, '-CAkey', $ca, '-out', "$base.pem");

    return ("$base.pem", "$base.key");
}


sub openssl($self, @args) {
    my $log = "$self->{dir}/openssl.log";
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open(STDIN, '<', '/dev/null');
        open(STDOUT, '>', $log);
        open(STDERR, '>&', \*STDOUT);
        exec('openssl', @args) or POSIX::_exit(127);
    }

    waitpid($pid, 0);
    die "openssl @args: " . Stentor::Node::slurp($log) . "\n" if $?;
}


1;
