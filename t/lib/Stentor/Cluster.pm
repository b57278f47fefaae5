# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Many nodes on one machine: a Redis, origins, shields and edges, each a real
# nginx whose configuration is the documentation's example of its role, and if
# wanted a network (Stentor::TcpProxy) in front of any of them.  Tests use it,
# benchmarks, and scripts/cluster-demo.

package Stentor::Cluster;

use v5.36;

use File::Path ();
use File::Temp ();

use Stentor::Example;
use Stentor::Node;
use Stentor::Redis;
use Stentor::TcpProxy;

# Where the names of nodes begin.
our @ROLES = qw(origin shield edge);

our $PASSWORD = 'change-me';
our $SECRET = '0123456789abcdef0123456789abcdef';


# new(%o) starts all and returns when every node knows all the others:
#
#     origins, shields, edges    how many (1, 0, 1)
#     redis => 0                 without; nodes have their static origins
#     redis_port                 instead of one that is free
#     proxy => { role or node => settings }       before what it relays
#     redis_proxy => { role or node => settings } before its Redis
#     node => { role or node => what Stentor::Node takes }
#     cluster => [lines]         of every cluster block
#     dir                        where everything is
#
# and whatever Stentor::Node takes, for all of them.  A node's own settings go
# before those of its role.

sub new($class, %o) {
    my $self = $class->prepare(%o);
    $self->start();

    return $self;
}


sub prepare($class, %o) {
    my $self = bless {
        origins => 1, shields => 0, edges => 1, cluster => [],
        map({ $_ => {} } qw(proxy redis_proxy node proxies redis_proxies)),
        nodes => [], %o,
    }, $class;

    my $own = defined $self->{dir};
    $self->{dir} //= File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1);
    $self->{temporary} = !$own;
    File::Path::make_path($self->{dir});

    Stentor::Node::spew("$self->{dir}/redis", "$PASSWORD\n");
    Stentor::Node::spew("$self->{dir}/relay", "$SECRET\n");
    chmod(0600, "$self->{dir}/redis", "$self->{dir}/relay");

    $self->start_redis() if $self->{redis} // 1;

    for my $role (@ROLES) {
        push(@{ $self->{nodes} }, $self->prepare_node($role, $_))
            for 1 .. $self->{"${role}s"};
    }

    # now that all of them have their ports
    $_->write_conf() for $self->nodes();

    return $self;
}


# As in the example, but for the user whom the harness itself is.

sub start_redis($self) {
    my @lines = grep { /^(?:user stentor|maxmemory)/ }
                split(/\n/, Stentor::Example::text('redis'));

    $self->{server} = Stentor::Redis->new(
        dir => "$self->{dir}/redis-server", port => $self->{redis_port},
        options => \@lines);
}


# What is set for a node, or for its role.

sub of($self, $what, $id) {
    my ($role) = $id =~ /^([a-z]+)/;
    return $self->{$what}{$id} // $self->{$what}{$role};
}


sub prepare_node($self, $role, $n) {
    my $id = "$role-$n";
    my %own = map { $_ => $self->{$_} } grep { exists $self->{$_} }
              qw(workers part_duration window grace linger zone log
                 connections expected slow_threads http http_server);
    my $node = Stentor::Cluster::Node->prepare(
        workers => 1, %own, %{ $self->{node}{$role} // {} },
        %{ $self->{node}{$id} // {} },
        dir => "$self->{dir}/$id", id => $id, role => $role,
        cluster => $self,
    );

    if (my $settings = $self->of('proxy', $id)) {
        $self->{proxies}{$id} = Stentor::TcpProxy->new(
            port => $node->port_http(), %$settings);
    }

    if (my $settings = $self->of('redis_proxy', $id)) {
        $self->{redis_proxies}{$id} = Stentor::TcpProxy->new(
            port => $self->redis()->port(), %$settings);
    }

    return $node;
}


sub start($self) {
    $_->start() for $self->nodes();
    $self->wait_met() if $self->redis();
}


# Waits until every node knows n nodes that live.

sub wait_met($self, $n = scalar(@{ $self->{nodes} })) {
    for my $node (grep { $_->{pid} } $self->nodes()) {
        $node->wait_status(sub ($s) {
            return @{ $s->{cluster}{nodes} } == $n;
        }, 2 * $Stentor::Node::PATIENCE, "$node->{id} knows $n nodes");
    }
}


sub redis($self) { return $self->{server} }


# All nodes, or those of a role.

sub nodes($self, $role = undef) {
    return grep { !$role || $_->{role} eq $role } @{ $self->{nodes} };
}


sub node($self, $id) {
    my ($node) = grep { $_->{id} eq $id } $self->nodes();
    return $node // die "no node $id\n";
}


sub origin($self, $n = 1) { return $self->node("origin-$n") }
sub shield($self, $n = 1) { return $self->node("shield-$n") }
sub edge($self, $n = 1) { return $self->node("edge-$n") }


# What stands before a node for those who get streams from it, and before its
# Redis.

sub proxy($self, $id) { return $self->{proxies}{$id} }
sub redis_proxy($self, $id) { return $self->{redis_proxies}{$id} }


# Where other nodes find one.

sub relay_url($self, $node) {
    my $via = $self->proxy($node->{id}) // $node;
    my $port = $via->can('port_http') ? $via->port_http() : $via->port();
    return "http://127.0.0.1:$port/relay/";
}


sub redis_address($self, $node) {
    my $via = $self->redis_proxy($node->{id}) // $self->redis();
    return '127.0.0.1:' . $via->port();
}


# Stops all; TERM does not wait for streams that linger.

sub stop($self, $signal = 'TERM') {
    # those who ask end before those who are asked
    my $ok = 1;
    $ok = $_->stop($signal) && $ok for reverse($self->nodes());

    $self->stop_others();

    return $ok;
}


sub stop_others($self) {
    $_->stop() for values %{ $self->{proxies} },
                   values %{ $self->{redis_proxies} };
    $self->redis()->remove() if $self->redis();
}


# The end of a test: every node stops when asked and has clean logs.

sub done($self, $signal = 'TERM') {
    my $ok = 1;
    $ok = $_->done($signal) && $ok for reverse($self->nodes());

    $self->stop_others();
    File::Path::remove_tree($self->{dir})
        if $ok && $self->{temporary} && !$ENV{STENTOR_KEEP};

    return $ok;
}


# One of them.

package Stentor::Cluster::Node;

use v5.36;

use parent -norequire, 'Stentor::Node';


sub write_conf($self) {
    my %o = %$self;
    my $text = Stentor::Example::local(Stentor::Example::text($o{role}),
                                       $o{cluster}{dir});
    my %edits = ($self->edit_main(), $self->edit_cluster(),
                 $self->edit_application(), $self->edit_http());

    # what a role does not have, it does not need
    delete $edits{$_} for grep {
        ref($edits{$_}) ne 'ARRAY' && !Stentor::Example::has($text, $_)
    } keys %edits;

    Stentor::Node::spew("$o{dir}/nginx.conf",
                        Stentor::Example::edit($text, %edits));
}


# Lists are for all roles; what is none is for those that have it.

sub edit_main($self) {
    my %o = %$self;
    my ($most) = Stentor::Node::slurp('/proc/self/limits')
                 =~ /^Max open files\s+\d+\s+(\d+)/m;

    return (
        load_module => [ split(/\n/, $self->conf_main()) ],
        user => [],
        worker_processes => ["worker_processes $o{workers};"],
        worker_rlimit_nofile => ["worker_rlimit_nofile $most;"],
        pid => ["pid $o{dir}/nginx.pid;", 'daemon off;'],
        error_log => ["error_log $o{dir}/error.log $o{log};"],
        '+' => [ $o{main} // () ],
        'events/worker_connections' =>
            ["worker_connections $o{connections};"],
        'stentor/zone' => ["zone $o{zone};"],
        'stentor/max_listeners' => '',
        'stentor/+' => [ $o{stentor} // () ],
        'stentor/srt' => join(' ', map {
            "srt 127.0.0.1:$o{srt_ports}[$_] $o{srt}[$_];"
        } 0 .. $#{ $o{srt_ports} }),
    );
}


sub edit_cluster($self) {
    my %o = %$self;
    my $c = $o{cluster};
    my @urls = map { $c->relay_url($_) } $c->nodes('origin');
    my $redis = $c->redis() ? 'redis ' . $c->redis_address($self)
                . " user=stentor password_file=$c->{dir}/redis;" : '';

    my @capacity = $o{role} eq 'edge'
                   ? 'capacity ' . ($o{capacity} // 20000) . ';' : ();

    return (
        'stentor/cluster/node' => ["node $o{id};"],
        'stentor/cluster/region' => [ 'region ' . ($o{region} // 'eu') . ';' ],
        'stentor/cluster/relay' => 'relay ' . $c->relay_url($self) . ';',
        'stentor/cluster/listen' => 'listen ' . $self->url('/live/') . ';',
        'stentor/cluster/redis' => [$redis],
        'stentor/cluster/origin' => "origin @urls;",
        'stentor/cluster/+' => [ @capacity, @{ $c->{cluster} },
                                 $o{lines} // () ],
    );
}


# A node that is made by the harness has no keys.

sub edit_application($self) {
    my %o = %$self;
    my $block = 'stentor/application live';

    return (
        map({ ("$block/$_" => "$_ $o{$_};") }
            qw(part_duration segment_parts window grace linger)),
        "$block/publish_key_file" => '',
        "$block/+" => [ $o{application} // () ],
        'stream/server/listen' => join("\n        ",
            "listen 127.0.0.1:$o{rtmp};", $o{stream_server} // ()),
    );
}


# Any of them is listened to, so that tests can compare; by plain HTTP, and by
# crowds that have one address.

sub edit_http($self) {
    my %o = %$self;
    my @temp = map { "${_}_temp_path $o{dir}/temp;" }
               qw(client_body proxy fastcgi uwsgi scgi);
    my @hls = $o{role} eq 'edge' ? ()
                                 : 'location /live/ { stentor_hls; }';

    return (
        'http/access_log' => ["access_log $o{dir}/access.log;"],
        'http/+' => [ @temp, $o{http} // () ],
        map({ ("http/$_" => '') } qw(limit_conn limit_req)),
        map({ ("http/server/$_" => '') }
            qw(ssl_certificate ssl_certificate_key)),
        'http/server/listen' => ["listen 127.0.0.1:$o{http_port}"
                                 . ' backlog=4096;'],
        'http/server/+' => [ 'add_header X-Worker $pid always;', @hls,
                             $o{http_server} // () ],
    );
}


# Ends all its processes at once: as if its machine had died, but for what its
# kernel says to its peers.  start() makes it live again, at the same ports.

sub kill_it($self) {
    my $pid = $self->{pid} // return;
    my @workers = $self->worker_pids(1);

    # a group: the master's death would hide whose the workers are
    $self->{killed}{$_} = 1 for @workers;
    kill('KILL', -$pid);
    $self->reap(5) or die "nginx does not die\n";

    # a port is free again when the last of them is gone
    $self->wait_until(sub { return !grep { lives($_) } @workers })
        or die "a worker does not die\n";
}


sub lives($pid) {
    return (Stentor::Node::slurp("/proc/$pid/stat") // '') =~ /\) [^XZ]/;
}


# All its processes stand still; nothing is closed.

sub pause($self) { kill('STOP', $self->{pid}, $self->worker_pids(1)) }
sub resume($self) { kill('CONT', $self->{pid}, $self->worker_pids(1)) }


1;
