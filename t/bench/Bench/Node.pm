# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A node for benchmarks: the harness's own, but for its http block, which is
# what docs/examples/edge.conf recommends, read from that file, so that what is
# measured is what is documented.  Its limits of addresses are there as well,
# but cannot be reached, for all listeners here have the same one; what asks for
# files or locations of its own is left out.

package Bench::Node;

use v5.36;

use parent 'Stentor::Node';

use File::Path ();
use File::Temp ();

use Stentor::Authority;

my $EXAMPLE = "$Bench::TOP/docs/examples/edge.conf";

# Directives of the example that are set here instead, or are about a place.
my $OTHERS = qr{^(?: access_log | error_log | keepalive_requests
                   | keepalive_timeout | sendfile | listen | server_name
                   | ssl_certificate(?:_key)? | ssl_trusted_certificate
                   | ssl_session_ticket_key | root | include | error_page
                   | return | worker_connections )$}x;

my $MAP = qr{map [^{}]*\{[^{}]*\}};

# As high as nginx lets limits be.
my %NO_LIMIT = (
    qr{^limit_conn \S+ \K\d+$} => 65535,
    qr{^limit_req_zone .*rate=\K\S+} => '1000000r/s',
    qr{^limit_req .*burst=\K\d+} => 1000000,
);

# What "listen" has in the example that is no matter of one address or port.
my $LISTEN = qr{^(?: reuseport | deferred | backlog= | rcvbuf= | sndbuf=
                   | fastopen= | so_keepalive= )}x;


# twins: lines for the server block; worker_header => 1: which worker answered;
# ports => N: so many more for HTTP/1.1, since a process can have no more than
# 28,000 connections from one address to one of them; tls => 1: one port for
# HTTP/1.1 and one for HTTP/2 over TLS, with a certificate made for it.

sub prepare($class, %o) {
    my @more = map { Stentor::Node::free_port() } 1 .. $o{ports} // 0;
    my @tls = $o{tls} ? map { Stentor::Node::free_port() } 1, 2 : ();

    $o{dir} //= File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1);

    if (@tls) {
        # ECDSA, as servers have it today: to sign is what a whole handshake
        # costs them
        my $authority = Stentor::Authority->new(dir => $o{dir}, ecdsa => 1);

        $o{authority} = $authority->{pem};
        $o{certificate} = [ $authority->issue('127.0.0.1') ];
    }

    return $class->SUPER::prepare(%o, more_ports => \@more,
                                  tls_ports => \@tls,
                                  events => example('events'));
}


sub start($self) {
    $self->SUPER::start();
    Bench::later(sub { $self->stop('TERM') });
}


sub port_more($self, $n) { return $self->{more_ports}[$n] }
sub port_tls($self) { return $self->{tls_ports}[0] }
sub port_h2($self) { return $self->{tls_ports}[1] }
sub authority($self) { return $self->{authority} }


# The directives of a block of the example, given by its path ("http server").

sub example($block) {
    return join('', map { "    $_->[1]\n" }
                grep { $_->[0] eq $block && $_->[1] !~ /^listen / }
                directives());
}


# [path of the block, text] of each directive of the example that is to be
# used; maps are directives, too.

sub directives() {
    my $text = Stentor::Node::slurp($EXAMPLE) =~ s/^\s*#.*$//gmr;
    my (@path, @found);

    while ($text =~ /\G\s*($MAP|[^;{}]*?)\s*([;{}]|(?<=\}))/gc) {
        my ($said, $end) = ($1, $2);
        $said =~ s/\s+/ /g;

        if ($end eq '{') {
            push(@path, $said);

        } elsif ($end eq '}') {
            pop(@path);

        } elsif ($said =~ /^listen / || $said =~ /^(\S+)/ && $1 !~ $OTHERS) {
            $said =~ s/$_/$NO_LIMIT{$_}/ for keys %NO_LIMIT;
            push(@found, [ "@path", "$said$end" ]);
        }
    }

    return @found;
}


# Parameters of the example's "listen", and reuseport where it takes that to
# give every worker listeners.

sub listen_options($self) {
    my ($listen) = map { $_->[1] }
                   grep { $_->[0] eq 'http server' && $_->[1] =~ /^listen / }
                   directives();
    my %said = map { $_ => 1 } grep { /$LISTEN/ } split(/[ ;]/, $listen // '');

    $said{reuseport} = 1 if $self->{workers} > 1;

    return join(' ', sort keys %said);
}


sub conf_http($self) {
    my %o = %$self;
    my $temp = join('', map { "    ${_}_temp_path $o{dir}/temp;\n" }
                    qw(client_body proxy fastcgi uwsgi scgi));
    my $header = $o{worker_header} ? 'add_header X-Worker $pid always;' : '';
    my $options = $self->listen_options();
    my $listen = join('', map { "        listen 127.0.0.1:$_ $options;\n" }
                      $o{http_port}, @{ $o{more_ports} });

    return <<"END";
http {
$temp
@{[ example('http') ]}
    access_log off;
    sendfile on;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;

    server {
$listen
@{[ $o{tls} ? $self->conf_tls($options) : '' ]}
@{[ example('http server') ]}
        root $o{dir};
        $header
        location /live/ { stentor_hls; }
        location = /status { stentor_status; }
        @{[ $o{twins} // '' ]}
    }
}
END
}


sub conf_tls($self, $options) {
    my ($h1, $h2) = @{ $self->{tls_ports} };
    my ($certificate, $key) = @{ $self->{certificate} };

    # not by itself in nginx before 1.23.4
    my $said = grep { $_->[1] =~ /^ssl_protocols / } directives();
    my $protocols = $said ? '' : 'ssl_protocols TLSv1.2 TLSv1.3;';

    return <<"END";
        listen 127.0.0.1:$h1 ssl $options;
        listen 127.0.0.1:$h2 ssl http2 $options;
        ssl_certificate $certificate;
        ssl_certificate_key $key;
        $protocols
END
}


# Stops it; dies when it was not well.

sub finish($self) {
    my @dirt = $self->stop() ? $self->dirt() : ('it had to be killed');
    die join("\n", 'the node was not well:', @dirt), "\n" if @dirt;
    File::Path::remove_tree($self->dir());
}


1;
