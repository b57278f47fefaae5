#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Another binary takes over (USR2, then QUIT to the old master), as Debian does
# it when nginx is upgraded, and nginx is told to quit, both with a broadcaster
# on the air and listeners: he is sent away when nobody is left who serves his
# stream, and comes back to who does.  Nothing waits for him for ever.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::SrtCaller;

use POSIX ();
use Time::HiRes qw(sleep time);


my $PATIENCE = $Stentor::Node::PATIENCE;


# nginx takes another binary's place only when it is no child of who began it,
# as a daemon is none.

sub start_daemon($node) {
    my $dir = $node->dir();
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        my $nginx = fork() // POSIX::_exit(1);
        $node->exec_nginx() if $nginx == 0;
        sleep(0.01) while !-s "$dir/nginx.pid" && kill(0, $nginx);
        POSIX::_exit(0);
    }

    waitpid($pid, 0);
    $node->{pid} = master_of($node) or die 'no nginx: ' . $node->log();
    $node->wait_until(sub { eval { $node->status() } })
        or die 'nginx is not ready: ' . $node->log();
}


sub master_of($node) {
    my $pid = Stentor::Node::slurp($node->dir() . '/nginx.pid') // return 0;
    return 0 + ($pid =~ /^(\d+)$/m)[0];
}


sub gone($pid) { return !kill(0, $pid) }


my $node = Stentor::Node->prepare(linger => '60s', srt => [''],
    location => 'stentor_hls_pending time=200ms;');
my $old;

END {
    for my $pid (grep { $_ } $old, $node && $node->{pid}) {
        kill('TERM', $pid);
        Stentor::Node::wait_until($node, sub { gone($pid) }, 5)
            or kill('KILL', $pid);
    }
}

start_daemon($node);
$old = $node->{pid};

my $b = broadcaster($node);
my $l = listener($node);
ok($l->parts(5), 'a listener, before');
my ($before) = $l->{playlist}->next_part();

# --- another binary

kill('USR2', $old);
ok($node->wait_until(sub {
    my $new = master_of($node);
    return $new && $new != $old;
}), 'USR2: there is another master');
$node->{pid} = master_of($node);
ok($node->wait_until(sub { 2 == (() = $node->worker_pids()) }),
   'with its workers');

kill('QUIT', $old);
my $asked = time();
ok($b->closed($PATIENCE), 'QUIT: the broadcaster is sent away');
cmp_ok(time() - $asked, '>', 2, 'not before there might be new workers');
ok($node->wait_until(sub { gone($old) }, 2 * $PATIENCE),
   'and the old master goes');
$old = 0;

$b = broadcaster($node);
$l = listener($node);
ok($l->parts(5), 'he comes back, and a listener hears him');
conforms('a clean programme', @{ $l->{violations} });
cmp_ok(($l->{playlist}->next_part())[0], '>=', $before,
       'whose numbers are not behind those before');

my $c = Stentor::SrtCaller->connect(port => $node->port_srt(),
                                    streamid => 'live/by_srt');
is($c->{code}, 0, 'the SRT port is served, too');
$c->shutdown();

# --- new workers are no reason

my @were = $node->worker_pids();
kill('HUP', $node->{pid});
ok($node->wait_until(sub {
    my %was = map { $_ => 1 } @were;
    return 2 == grep { !$was{$_} } $node->worker_pids();
}), 'a reload');
ok($l->parts(25), 'the listener hears more than the time that takes');
ok(!$b->closed(0.01), 'the broadcaster stays where he is');

# --- but such as have another zone

$node->{zone} = '48m';
$node->write_conf();
kill('HUP', $node->{pid});
ok($b->closed($PATIENCE), 'a zone of another size: he is sent there');
$b = broadcaster($node);
ok(listener($node)->parts(3), 'and is heard');

# --- none

kill('QUIT', $node->{pid});
ok($b->closed($PATIENCE), 'nginx quits: he is sent away');
ok($node->wait_until(sub { gone($node->{pid}) }, 2 * $PATIENCE),
   'and it ends');
delete $node->{pid};

like($node->log(), qr/\[info\].* this server shuts down/, 'the log says why');
is(join("\n", $node->dirt()), '', 'and is clean');
File::Path::remove_tree($node->dir()) if Test::More->builder->is_passing();

done_testing();
