#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The package, on each Debian that STENTOR_DEB names ("bookworm trixie"): it is
# built in a chroot of that release, lintian finds no error, apt installs it
# in a clean one, and what README.md says of installing is done there, to the
# letter.  nginx is started as its unit does.  ffmpeg pushes from outside, with
# a key and without, by RTMP and by SRT, and so does OBS, if it is installed; a
# listener hears it; all that the pages load is there; the workers are nobody's
# root; and from another address neither status, control nor dashboard answers.
#
# It needs root, debootstrap, a mirror and some minutes.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Stentor::Chroot;
use Stentor::Encoder;
use Stentor::Kit;
use Stentor::Links;

plan(skip_all => 'STENTOR_DEB names no release of Debian')
    if !$ENV{STENTOR_DEB};
plan(skip_all => 'needs root') if $>;

need(qw(debootstrap unshare ffmpeg ip));

require 'syscall.ph';

use constant CLONE_NEWNET => 0x40000000;
use constant ELSEWHERE => '192.0.2.1';
use constant MODULE => '/usr/lib/nginx/modules/ngx_stentor_module.so';

use constant DOC => '/usr/share/doc/libnginx-mod-stentor';

my %HARD = (
    'relocations are read-only' => qr/GNU_RELRO/,
    'symbols are bound at once' => qr/\((?:FLAGS)\) +BIND_NOW/,
    'the stack is protected' => qr/ UND __stack_chk_fail/,
    'sizes of buffers are checked' =>
        qr/ UND __(?:mem|str|v?s?n?printf)\w*_chk/,
);

my $TOP = $Stentor::Node::TOP;
my @SUITES = $ENV{STENTOR_DEB} eq '1' ? qw(bookworm trixie)
                                      : split(' ', $ENV{STENTOR_DEB});

die "no listener page: run make html\n" if !-e "$TOP/build/html/index.html";

my $aac = Stentor::Encoder::long_tone();


# Builds the package in a chroot of its own: (its path, what lintian said).

sub build($suite) {
    my $c = Stentor::Chroot->new($suite, Stentor::Chroot::build_packages());

    # without what was built here, chroots among it
    my ($rc, $said) = $c->run('mkdir -p /root/tree/build && cd /mnt'
        . ' && tar -c --exclude=./build --exclude=./node_modules . '
        . ' | tar -x -C /root/tree && cp -R build/html /root/tree/build'
        . ' && cd /root/tree && scripts/build-deb /root/deb');
    is($rc, 0, "$suite: the package is built, without lintian's errors")
        or diag($said);

    my ($deb) = grep { !/dbgsym/ } glob($c->dir() . '/root/deb/*.deb');
    my $kept = "$TOP/build/deb/" . ($deb =~ s{.*/}{}r);

    File::Path::make_path("$TOP/build/deb");
    system('cp', $deb, $kept) == 0 or die "cp: $?\n";
    $said = $c->must('lintian --tag-display-limit 0 /root/deb/*.changes');
    hardened($suite, $c->must('dpkg -x /root/deb/libnginx-mod-stentor_*.deb'
        . ' /root/x && readelf -W -d -l --dyn-syms /root/x' . MODULE));
    $c->remove();

    return ($kept, $said);
}


# What the distribution's flags leave in a library.

sub hardened($suite, $elf) {
    like($elf, $HARD{$_}, "$suite: $_") for sort keys %HARD;
    unlike($elf, qr/GNU_STACK.* RWE /, "$suite: no code on the stack");
}


# --- with a network

my %installed;

for my $suite (@SUITES) {
    my ($deb, $lintian) = build($suite);
    unlike($lintian, qr/^[EW]:/m, "$suite: lintian warns of nothing");
    note($lintian);

    my $c = Stentor::Chroot->new($suite);
    system('cp', $deb, $c->dir() . '/root/') == 0 or die "cp: $?\n";

    my $file = $deb =~ s{.*/}{}r;
    ok(eval { $c->install("/root/$file") }, "$suite: apt installs $file")
        or diag($@);
    note($c->must("dpkg -f /root/$file Depends"));
    $installed{$suite} = $c;
}


# --- and without: a network of our own, that nobody else is in

syscall(SYS_unshare(), CLONE_NEWNET) == 0 or die "unshare: $!\n";
system('ip link set lo up') == 0 or die "ip: $?\n";
system('ip addr add ' . ELSEWHERE . '/32 dev lo') == 0 or die "ip: $?\n";


# What README.md has root do, less what only a whole system can.

sub readme() {
    my ($text) = Stentor::Node::slurp("$TOP/README.md")
        =~ /^## Install it\n(.*?)^## /ms;

    return grep { !/^(?:apt install|sudoedit|systemctl)/ }
           map { s/^sudo //r } $text =~ /^    (.*)$/mg;
}


# The status of a request from another address than loopback.

sub asked_from_elsewhere($path) {
    my $s = IO::Socket::INET->new(PeerAddr => ELSEWHERE, PeerPort => 8080,
                                  LocalAddr => ELSEWHERE, Timeout => 5)
        or return "connect: $!";
    print {$s} "GET $path HTTP/1.0\r\nHost: localhost\r\n\r\n";
    my $line = <$s> // return 'nothing';

    return $line =~ m{^HTTP/1.1 (\d+)} ? $1 : $line;
}


# What the unit starts nginx by, and checks it by.

sub unit($c) {
    my ($path) = grep { -e } map { $c->dir() . "$_/nginx.service" }
                 qw(/lib/systemd/system /usr/lib/systemd/system);
    my $text = Stentor::Node::slurp($path);

    return map { $text =~ /^$_=(.*)$/m } qw(ExecStartPre ExecStart);
}


# A node that others have configured, as the tests have them.

sub node_of($c) {
    my $node = bless {
        nginx => 'nginx', dir => $c->dir() . '/var/log/nginx', workers => 1,
        rtmp => 1935, http_port => 8080, srt_ports => [9000], killed => {},
    }, 'Stentor::Node';

    return $node;
}


# ffmpeg with what a key file lets in, or not: 'on air', or 'gone'.

sub push_it($node, $name, $url) {
    my $b = Stentor::Encoder->start(url => $url, file => $aac,
        log => "$node->{dir}/ffmpeg.log",
        format => $url =~ /^srt/ ? 'mpegts' : 'flv');
    my $how = $node->wait_until(sub {
        my $st = $node->stream("live/$name");
        return 'on air' if $st && $st->{session}
                           && $st->{session}{audio_frames};
        return $b->gone() ? 'gone' : undef;
    }, 20);

    return ($how // 'nothing', $b);
}


# OBS without a screen, as a person has set it up.

sub obs_heard($node, $key) {
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open(STDOUT, '>', "$node->{dir}/obs.out");
        open(STDERR, '>&', \*STDOUT);
        exec("$TOP/scripts/obs", '--seconds', 30,
             'rtmp://127.0.0.1/live', "studio1?key=$key")
            or POSIX::_exit(127);
    }

    ok($node->wait_stream('live/studio1', sub ($st) {
        return $st && $st->{state} eq 'live' && $st->{session}
               && $st->{session}{encoder} =~ /obs/i;
    }, 90), 'OBS is on the air');

    my $listener = Stentor::Listener->new(port => 8080, edge => 1);
    ok($listener->run(sub ($l) { @{ $l->{parts} } >= 8 }, 30),
       'a listener hears it');
    conforms('which conforms', @{ $listener->{violations} });

    waitpid($pid, 0);
    is($?, 0, 'it stops when told')
        or diag(Stentor::Node::slurp("$node->{dir}/obs.out"));
}


sub check($suite, $c) {
    my $dir = $c->dir();
    my @clean = qw(nginx nginx-common libnginx-mod-stream);
    my $node = node_of($c);

    # --- installed, and nothing more

    my ($pre, $start) = unit($c);
    my ($rc, $said) = $c->run($pre);
    is($rc, 0, "$suite: nginx takes the module") or diag($said);
    like(readlink("$dir/etc/nginx/modules-enabled/70-mod-stentor.conf"),
         qr{/mod-stentor\.conf$}, 'which is loaded');
    is($c->must("dpkg --verify @clean"), '',
       "nginx's own files are untouched, its unit, too");
    is($c->must("grep -rl stentor_ /etc || :"), '', 'and nothing opened');

    my @docs = Stentor::Links::documents($dir . DOC);
    cmp_ok(scalar(@docs), '>', 10, 'there is documentation');
    is(join("\n", Stentor::Links::broken(@docs)), '',
       'in which no link leads nowhere');

    # --- as README.md says

    my @steps = readme();
    cmp_ok(scalar(@steps), '>', 4, 'README.md has steps');
    $said = $c->must('set -e; ' . join('; ', @steps));
    my ($line) = $said =~ /^(  key .*)$/m;
    my ($key) = $said =~ /studio1\?key=(\w+)$/m;

    Stentor::Node::spew("$dir/etc/stentor/keys", "$line\n");
    is((stat("$dir/etc/stentor/keys"))[2] & 07777, 0600,
       "keys are root's alone");

    # SRT as the example has it, and hold audio of one's own
    my $conf = "$dir/etc/nginx/modules-enabled/90-stentor.conf";
    my $text = Stentor::Node::slurp($conf);
    $text =~ s/# (srt 0)/$1/ or die "no srt in the example\n";
    $text =~ s{(application live \{)}{$1 hold /etc/stentor/hold.aac;};
    Stentor::Node::spew($conf, $text);
    system('cp', $aac, "$dir/etc/stentor/hold.aac");
    chmod(0644, "$dir/etc/stentor/hold.aac");

    $c->start("$pre && $start");
    ok($node->wait_until(sub { eval { $node->status() } }),
       'nginx starts by the command of its unit')
        or diag($c->said(), $node->log());

    my ($www) = Stentor::Node::slurp("$dir/etc/passwd")
                =~ /^www-data:x:(\d+)/m;
    my @workers = grep { $_->{title} =~ /worker process/ } $c->processes();
    cmp_ok(scalar(@workers), '>', 0, 'there are workers');
    is_deeply([ grep { $_->{uid} != $www } @workers ], [],
              'all are www-data');

    # --- on the air

    my ($how, $b) = push_it($node, 'studio1',
                            $node->push_url('studio1'));
    is($how, 'gone', 'without a key nobody publishes');
    ($how) = push_it($node, 'studio1', $node->push_url('studio1?key=x'));
    is($how, 'gone', 'nor with a wrong one');

    ($how, $b) = push_it($node, 'studio1', $node->push_url("studio1?key=$key"));
    is($how, 'on air', 'by RTMP with the key that the tool made');

    my $listener = Stentor::Listener->new(port => 8080, edge => 1);
    ok($listener->run(sub ($l) { @{ $l->{parts} } >= 8 }, 30),
       'a listener hears it');
    conforms('which conforms', @{ $listener->{violations} });
    is($node->stream('live/studio1')->{state}, 'live', 'live');

    $b->stop();
    ok($node->wait_stream('live/studio1',
                          sub ($st) { $st && $st->{state} eq 'hold' }),
       'hold audio when he is gone');
    unlike($node->log(), qr/hold/i, "from a file that the workers can read");

    SKIP: {
        my @missing = grep { !Stentor::Node::which($_) } qw(obs Xvfb);
        skip("needs @missing", 4) if @missing;
        obs_heard($node, $key);
    }

    ($how, $b) = push_it($node, 'studio1', $node->srt_url()
        . "?streamid=#!::r=live/studio1,m=publish,key=$key");
    is($how, 'on air', 'and back by SRT');

    # --- doors

    for my $page ('/listen/live/studio1', '/dashboard') {
        my %loads = Stentor::Links::loads($page, sub ($path) {
            return $node->get($path) });

        cmp_ok(scalar(keys %loads), '>', 5, "$page loads more");
        is(join(' ', grep { $loads{$_} != 200 } sort keys %loads), '',
           'and all of it is there');
    }

    is(asked_from_elsewhere('/live/studio1/index.m3u8'), 200,
       'from elsewhere: listeners are served');
    is(asked_from_elsewhere($_), 403, "not $_")
        for qw(/status /metrics /control/streams
               /dashboard /dashboard.html);
    isnt(asked_from_elsewhere('/relay/live/studio1'), 200, 'nor a relay');

    # --- reloaded as the unit does, and stopped

    my ($master) = grep { $_->{title} =~ /^nginx: master/ } $c->processes();
    my %old = map { $_->{pid} => 1 } @workers;
    kill('HUP', $master->{pid});
    ok($node->wait_until(sub {
        grep { $_->{title} =~ /worker process$/ && !$old{$_->{pid}} }
             $c->processes();
    }), 'reloaded');
    ok($node->wait_stream('live/studio1', sub ($st) {
        return $st && $st->{state} eq 'live' }, 20),
       'and on the air again');

    $b->stop();
    kill('QUIT', $master->{pid});
    ok($node->wait_until(sub {
        return !grep { $_->{title} =~ /^nginx/ } $c->processes();
    }, 60), 'stopped') or diag(map { "$_->{title}\n" } $c->processes());
    is(join("\n", $node->dirt()), '', 'the log is clean');

    my $told = Stentor::Node::slurp("$node->{dir}/stentor.log") // '';
    like($told, qr/broadcaster is refused: no stream key/,
         'the other one says who was refused and why');
    unlike($node->log() . $told, qr/\Q$key\E/, 'no log has a key');
    $c->stop();

    # --- gone

    $c->must('rm /etc/nginx/modules-enabled/90-stentor.conf'
             . ' /etc/nginx/sites-enabled/stentor');
    ($rc, $said) = $c->run('dpkg --purge libnginx-mod-stentor && ' . $pre);
    is($rc, 0, 'and removed: nginx goes on without') or diag($said);
    ok(!-l "$dir/etc/nginx/modules-enabled/70-mod-stentor.conf",
       'nothing of it is enabled');
}


for my $suite (@SUITES) {
    subtest($suite => sub { check($suite, $installed{$suite}) });
    $installed{$suite}->remove();
}

done_testing();
